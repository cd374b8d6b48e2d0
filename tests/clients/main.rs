//! Tests of the broker with the clients on Pipedream's own page. Only the host in the URL is changed. The
//! folder `snippets` has the clients exactly as the page shows them in its tabs.
//!
//! If a client needs a program that is missing, its test is skipped. In continuous integration the test
//! fails.

mod snippet;

use host_test::{
    Broker, Capabilities, Configuration, Flavour, Listener, MemoryKeyValue, Network, SampleUpstream,
    TEST_ENCRYPTION_KEYS,
};
use serde_json::Value;
use snippet::{Language, snippets};
use std::future::pending;
use std::sync::Arc;

const WRONG_KEY: &str = "pd_wrong_api_key_5f0c7e913b";

/// An account with access tokens of `xoxp-` and 32 hexadecimal digits.
const ACCOUNT: &str = SampleUpstream::ACCOUNT_IDS[0];

/// Starts the broker in pass-through mode and returns its URL. The broker runs until the test ends.
async fn serve(upstream: &SampleUpstream) -> String {
    let configuration = Configuration::from_iter([
        ("credwell_broker_mode", "pass-through"),
        ("credwell_base_url", &upstream.base_url()),
        ("credwell_encryption_keys", TEST_ENCRYPTION_KEYS),
    ]);
    let network = Arc::new(Network::to([upstream.authority()]));
    let capabilities = Capabilities::new(network, Arc::new(MemoryKeyValue::new()), Arc::new(configuration));
    let broker = Broker::new(Flavour::Wasmtime).expect("the broker is built");
    let listener = Listener::bind("127.0.0.1:0", broker, capabilities).await.expect("a free port");
    let base_url = format!("http://{}", listener.address());
    tokio::spawn(listener.serve(pending()));
    base_url
}

#[tokio::test(flavor = "multi_thread")]
async fn the_snippets_of_the_page_get_the_credentials_and_share_the_cache() {
    let upstream = SampleUpstream::start().await.expect("a free port");
    let base_url = serve(&upstream).await;
    for (snippet, program) in snippets() {
        let outcome = snippet.run(program, &base_url, ACCOUNT, SampleUpstream::API_KEY);
        assert_eq!(outcome.status, Some(0), "{}: {}", snippet.name, outcome.stderr);
        let document: Value = serde_json::from_str(&outcome.stdout).expect("the snippet prints JSON");
        // The first token that the upstream has issued, because all snippets share one cache entry.
        let token = &document["data"]["credentials"]["oauth_access_token"];
        assert_eq!(*token, format!("xoxp-{:032x}", 1), "{}", snippet.name);
        assert_eq!(document["data"]["id"], ACCOUNT, "{}", snippet.name);
        assert!(document["data"]["expires_at"].is_string(), "{}", snippet.name);
        assert_eq!(upstream.count(), 1, "{}", snippet.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_fails_as_the_snippets_expect() {
    let upstream = SampleUpstream::start().await.expect("a free port");
    let base_url = serve(&upstream).await;
    for (snippet, program) in snippets() {
        // Now the cache has the account under the correct key.
        let outcome = snippet.run(program, &base_url, ACCOUNT, SampleUpstream::API_KEY);
        assert_eq!(outcome.status, Some(0), "{}: {}", snippet.name, outcome.stderr);

        let outcome = snippet.run(program, &base_url, ACCOUNT, WRONG_KEY);
        if snippet.language == Language::Node {
            assert_eq!((outcome.status, outcome.stdout.as_str()), (Some(1), ""), "{}", snippet.name);
            assert!(outcome.stderr.contains("Error: API request failed: 401"), "{}", outcome.stderr);
        } else {
            // The other snippets don't check the status: they print the problem document.
            assert_eq!(outcome.status, Some(0), "{}: {}", snippet.name, outcome.stderr);
            let document: Value = serde_json::from_str(&outcome.stdout).expect("a problem document is JSON");
            assert_eq!(
                (&document["status"], document.get("data")),
                (&Value::from(401), None),
                "{}",
                snippet.name
            );
            assert!(!outcome.stdout.contains(WRONG_KEY), "{}", snippet.name);
        }
    }
}
