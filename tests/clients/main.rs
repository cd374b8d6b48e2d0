//! The clients that Pipedream's own page shows, with the broker in place of Pipedream: nothing of them is changed but the
//! URL's host. They are in `snippets`, as they stand in the page's tabs.
//!
//! Where a program that they need is missing, the tests are skipped, except in continuous integration, where they fail.

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

/// An account whose token is `xoxp-` and 32 hexadecimal digits.
const ACCOUNT: &str = SampleUpstream::ACCOUNT_IDS[0];

/// Serves the broker for callers with API keys of their own, until the test ends, and returns its URL.
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
        let answer: Value = serde_json::from_str(&outcome.stdout).expect("the snippet prints JSON");
        // The first token that the upstream has issued: no snippet had to wait for another.
        let token = &answer["data"]["credentials"]["oauth_access_token"];
        assert_eq!(*token, format!("xoxp-{:032x}", 1), "{}", snippet.name);
        assert_eq!(answer["data"]["id"], ACCOUNT, "{}", snippet.name);
        assert!(answer["data"]["expires_at"].is_string(), "{}", snippet.name);
        assert_eq!(upstream.count(), 1, "{}", snippet.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_fails_as_the_snippets_expect() {
    let upstream = SampleUpstream::start().await.expect("a free port");
    let base_url = serve(&upstream).await;
    for (snippet, program) in snippets() {
        // The account is in the cache, for the right key.
        let outcome = snippet.run(program, &base_url, ACCOUNT, SampleUpstream::API_KEY);
        assert_eq!(outcome.status, Some(0), "{}: {}", snippet.name, outcome.stderr);

        let outcome = snippet.run(program, &base_url, ACCOUNT, WRONG_KEY);
        if snippet.language == Language::Node {
            assert_eq!((outcome.status, outcome.stdout.as_str()), (Some(1), ""), "{}", snippet.name);
            assert!(outcome.stderr.contains("Error: API request failed: 401"), "{}", outcome.stderr);
        } else {
            // The others don't look at the status: they print what is in place of the credentials.
            assert_eq!(outcome.status, Some(0), "{}: {}", snippet.name, outcome.stderr);
            let answer: Value = serde_json::from_str(&outcome.stdout).expect("a problem document is JSON");
            assert_eq!(
                (&answer["status"], answer.get("data")),
                (&Value::from(401), None),
                "{}",
                snippet.name
            );
            assert!(!outcome.stdout.contains(WRONG_KEY), "{}", snippet.name);
        }
    }
}
