//! Tests of the built components in their precompiled form.

use bytes::Bytes;
use credwell_host::{Broker, CredentialsClient, LoadError, Precompiled, Runtime, Source, precompile};
use host_test::{
    BrokerHarness, Capabilities, Clock, Configuration, Entropy, Flavour, MemoryKeyValue, MockUpstream, Reply,
    START_UNIX_MS, TEST_API_KEY, TEST_ENCRYPTION_KEYS,
};
use http::Request;
use http_body_util::Empty;
use serde_json::json;
use std::sync::Arc;

const ACCOUNT: &str = "apn_EOhwvQr";

/// An upstream that knows the account.
fn upstream() -> MockUpstream {
    let upstream = MockUpstream::new();
    let account = json!({"data": {"id": ACCOUNT, "credentials": {"oauth_access_token": "ya29-first"}}});
    upstream.reply(Reply::status(200).json(&account));
    upstream
}

/// Loads a component from its machine code.
#[expect(unsafe_code, reason = "the machine code is a moment old and from this process")]
fn load<T>(component: &[u8], load: impl FnOnce(Flavour, Precompiled<'_>) -> Result<T, LoadError>) -> T {
    let machine_code = precompile(component).expect("the component can be compiled");
    // SAFETY: the machine code comes from `precompile`.
    let precompiled = unsafe { Precompiled::new(component, &machine_code) };
    load(Flavour::Wasmtime, precompiled).expect("the component can be used")
}

#[tokio::test]
async fn the_precompiled_component_fetches_and_caches() {
    let component = Flavour::Wasmtime.load().expect("the component is built");
    let upstream = upstream();
    let configuration = Configuration::from_iter([
        ("credwell_api_key", TEST_API_KEY),
        ("credwell_encryption_keys", TEST_ENCRYPTION_KEYS),
    ]);
    let key_value = Arc::new(MemoryKeyValue::new());
    let capabilities = Capabilities::new(Arc::new(upstream.clone()), key_value, Arc::new(configuration))
        .clock(Clock::new(START_UNIX_MS))
        .entropy(Entropy::seeded(0));
    let client = CredentialsClient::new(load(&component, Runtime::from_precompiled), capabilities);
    for source in [Source::Upstream, Source::Cache] {
        let credentials = client.get(ACCOUNT).await.expect("credentials");
        assert_eq!((credentials.access_token.as_deref(), credentials.source), (Some("ya29-first"), source));
    }
}

#[tokio::test]
async fn the_precompiled_broker_answers() {
    let component = std::fs::read(Flavour::Wasmtime.broker_path()).expect("the broker is built");
    let broker = load(&component, Broker::from_precompiled);
    let harness = BrokerHarness::builder(Flavour::Wasmtime).broker(broker).upstream(upstream()).build();
    let request = Request::get(format!("http://localhost/v1/accounts/{ACCOUNT}/credentials"))
        .header("authorization", format!("Bearer {TEST_API_KEY}"))
        .body(Empty::<Bytes>::new())
        .expect("the request is well-formed");
    let response = harness.handle(request).await.expect("a response");
    assert_eq!(response.status(), 200);
}
