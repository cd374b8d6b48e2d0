//! The check of a deployment: the broker runs with the settings and capabilities of a manifest.

use host_test::{
    Broker, Capabilities, Configuration, Flavour, MemoryKeyValue, MockUpstream, Reply, TEST_ENCRYPTION_KEYS,
};
use http::Request;
use http_body_util::{BodyExt, Empty};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;

/// The settings that the manifest leaves to its user.
pub(crate) const SECRETS: [(&str, &str); 4] = [
    ("credwell_api_key", "pd_brokers_key"),
    ("credwell_encryption_keys", TEST_ENCRYPTION_KEYS),
    ("credwell_broker_tokens", BROKER_TOKEN),
    ("credwell_broker_accounts", "*"),
];

const BROKER_TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// The settings and capabilities that a manifest gives to the broker.
pub(crate) struct Deployment {
    pub flavour: Flavour,
    /// The settings by name, including [`SECRETS`].
    pub settings: BTreeMap<String, String>,
    /// The only bucket of the store.
    pub bucket: String,
    /// The origins that the broker may send requests to, as `https://host`.
    pub allowed: Vec<String>,
}

impl Deployment {
    /// Fails unless the broker answers first from the upstream, then from its cache, and sends requests to
    /// the allowed origins only.
    pub(crate) async fn check(self) {
        let upstream = MockUpstream::new();
        upstream.reply(Reply::status(200).json(&json!({"data": {
            "id": "apn_EOhwvQr",
            "credentials": {"oauth_access_token": "one"},
            "app": {"name_slug": "slack"},
        }})));
        let key_value = MemoryKeyValue::new();
        key_value.remove_bucket(host_test::DEFAULT_BUCKET);
        key_value.add_bucket(self.bucket);
        let configuration = Configuration::from_iter(self.settings);
        let key_value = key_value.of(self.flavour);
        // Other tests check the log.
        let log = MemoryOutputPipe::new(1 << 16);
        let capabilities =
            Capabilities::new(Arc::new(upstream.clone()), key_value, Arc::new(configuration)).stderr(log);
        let broker = Broker::new(self.flavour).expect("the broker is built");
        for cache_status in ["credwell; fwd=miss", "credwell; hit"] {
            let request = Request::get("http://broker.example/v1/accounts/apn_EOhwvQr/credentials")
                .header("authorization", format!("Bearer {BROKER_TOKEN}"))
                .body(Empty::new())
                .expect("the request is well formed");
            let (head, body) = broker.handle(&capabilities, request).await.expect("a response").into_parts();
            let body = body.collect().await.expect("the body is whole").to_bytes();
            assert_eq!(head.status, 200, "{body:?}");
            // A failure of the store would add a detail.
            assert_eq!(head.headers["cache-status"], cache_status);
        }
        let requests = upstream.requests();
        let origins: Vec<_> = requests.iter().map(|request| origin(&request.uri)).collect();
        assert_eq!(origins, self.allowed);
    }
}

fn origin(uri: &http::Uri) -> String {
    format!("{}://{}", uri.scheme_str().unwrap_or_default(), uri.authority().expect("an upstream has a host"))
}
