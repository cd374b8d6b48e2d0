//! Tests of the listener when the embedder's code panics: one request fails, and the server stays.

use credwell_host::{Broker, Capabilities, ConfigurationError, ConfigurationSource, Flavour, Listener};
use host_test::http_client::get;
use host_test::{Configuration, MemoryKeyValue, MockUpstream, Reply, TEST_API_KEY, TEST_ENCRYPTION_KEYS};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Settings that panic when they are read, as often as `panics` says.
struct PanickingSettings {
    panics: AtomicU32,
    settings: Configuration,
}

#[async_trait::async_trait]
impl ConfigurationSource for PanickingSettings {
    async fn all(&self) -> Result<Vec<(String, String)>, ConfigurationError> {
        let left = self.panics.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        assert!(left.is_err(), "the settings of this test panic");
        self.settings.all().await
    }
}

#[tokio::test]
async fn a_panic_ends_one_request_and_the_server_serves_on() {
    let upstream = MockUpstream::new();
    upstream.always(Reply::status(404));
    let settings = Configuration::from_iter([
        ("credwell_broker_mode", "pass-through"),
        ("credwell_encryption_keys", TEST_ENCRYPTION_KEYS),
    ]);
    let settings = PanickingSettings { panics: AtomicU32::new(3), settings };
    let key_value = Arc::new(MemoryKeyValue::new());
    let capabilities = Capabilities::new(Arc::new(upstream), key_value, Arc::new(settings));
    let broker = Broker::new(Flavour::Wasmtime).expect("the broker is built");
    let listener = Listener::bind("127.0.0.1:0", broker, capabilities.stderr(std::io::empty()));
    let listener = listener.await.expect("a port of the loopback is free");
    let address = listener.address();
    // One place for a request: a panic has to give it back.
    let server = tokio::spawn(listener.concurrency_limit(1).serve(std::future::pending()));
    for expected in ["500", "500", "500", "404", "404"] {
        let response = get(address, "/v1/accounts/apn_EOhwvQr/credentials", TEST_API_KEY).await;
        assert_eq!(response.status(), expected, "{}", response.body);
        assert!(!response.body.contains("panic"), "{}", response.body);
    }
    server.abort();
}
