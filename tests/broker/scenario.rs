//! The fixture of the test cases: a broker on the test host, and the requests of callers.

use bytes::Bytes;
use host_test::{Broker, BrokerHarness, Flavour, Reply, ReusedBroker};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use std::ops::Deref;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

/// The path of the account that most cases use.
pub(crate) const ACCOUNT: &str = "/v1/accounts/apn_EOhwvQr/credentials";

/// The API key that a caller sends in pass-through mode.
pub(crate) const CALLERS_KEY: &str = "pd_callers_key_7c1d";

/// A token for callers of the broker in managed mode.
pub(crate) const BROKER_TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// The API key of the broker in managed mode.
pub(crate) const BROKERS_KEY: &str = "pd_brokers_key";

/// The token for the metrics.
pub(crate) const METRICS_TOKEN: &str = "metrics-0123456789abcdef01234567";

/// Polls until `poll` returns a value. An instance goes on after its response, for example writes its log
/// line.
pub(crate) async fn eventually<T>(mut poll: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..1_000 {
        if let Some(value) = poll().await {
            return value;
        }
        tokio::task::yield_now().await;
    }
    panic!("the expected state was not reached");
}

/// Defines a test for each flavour from one case.
macro_rules! case {
    ($(#[$attribute:meta])* async fn $name:ident($scenario:ident, $mode:ident) $body:block) => {
        mod $name {
            #[allow(unused_imports, reason = "a case needs only a part of the imports of its module")]
            use super::*;

            async fn case(flavour: host_test::Flavour) {
                let $scenario = $crate::scenario::Scenario::$mode(flavour);
                $body
                $scenario.search_for_secrets();
            }

            $crate::flavours::in_both_flavours!($(#[$attribute])*);
        }
    };
}
pub(crate) use case;

/// The brokers of the crowd cases by flavour, each with its own engine and so its own limit of instances. One
/// case at a time locks a broker.
static CROWD_BROKERS: [LazyLock<Mutex<Broker>>; 2] = [
    LazyLock::new(|| Mutex::new(Broker::new(Flavour::Wasmtime).expect("the broker is built"))),
    LazyLock::new(|| Mutex::new(Broker::new(Flavour::Spin).expect("the broker is built"))),
];

/// A broker on the test host.
pub(crate) struct Scenario {
    flavour: Flavour,
    harness: BrokerHarness,
    _crowd: Option<MutexGuard<'static, Broker>>,
}

impl Deref for Scenario {
    type Target = BrokerHarness;

    fn deref(&self) -> &BrokerHarness {
        &self.harness
    }
}

/// A response as the caller sees it.
#[derive(Debug)]
pub(crate) struct Response {
    pub status: u16,
    headers: HeaderMap,
    pub body: Bytes,
}

impl Response {
    pub(crate) fn of(response: http::Response<Bytes>) -> Self {
        let (parts, body) = response.into_parts();
        Self { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn token(&self) -> Value {
        self.json()["data"]["credentials"]["oauth_access_token"].clone()
    }
}

impl Scenario {
    pub(crate) fn pass_through(flavour: Flavour) -> Self {
        Self { flavour, harness: BrokerHarness::builder(flavour).build(), _crowd: None }
    }

    /// A broker in pass-through mode for many concurrent requests. No other test uses this broker meanwhile:
    /// a request that waits for a free instance would start too late to be concurrent.
    pub(crate) fn crowd(flavour: Flavour) -> Self {
        let broker = &CROWD_BROKERS[usize::from(flavour == Flavour::Spin)];
        let broker = broker.lock().unwrap_or_else(PoisonError::into_inner);
        let harness = BrokerHarness::builder(flavour).broker(broker.clone()).build();
        Self { flavour, harness, _crowd: Some(broker) }
    }

    /// Another host whose clock is `ahead` seconds ahead. The hosts share everything else.
    pub(crate) fn another_host(&self, ahead: i64) -> Self {
        Self { flavour: self.flavour, harness: self.harness.another_host(self.flavour, ahead), _crowd: None }
    }

    pub(crate) fn managed(flavour: Flavour) -> Self {
        let harness = BrokerHarness::builder(flavour)
            .config("credwell_broker_mode", "managed")
            .config("credwell_broker_tokens", format!("{}, {BROKER_TOKEN}", "f".repeat(32)))
            .config("credwell_broker_accounts", "apn_EOhwvQr, apn_other")
            .config("credwell_api_key", BROKERS_KEY);
        Self { flavour, harness: harness.build(), _crowd: None }
    }

    /// Sends a request with these headers.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Response {
        let request = request(method, path, headers, body);
        let response = self.harness.handle(request).await.expect("the broker answers");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("the body is whole").to_bytes();
        Response { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// Gets the account's credentials in an instance that is killed by [`Reply::killing`]. Returns when the
    /// instance is dropped. Then the broker has no response.
    pub(crate) async fn get_until_death(&self, bearer: &str) {
        let headers = [("authorization", &*format!("Bearer {bearer}"))];
        let result = self.harness.handle(request("GET", ACCOUNT, &headers, "")).await;
        assert!(result.is_err(), "the instance lives");
    }

    /// Gets the credentials of the account with this id from one instance.
    pub(crate) async fn get_from(&self, instance: &mut ReusedBroker, id: &str, bearer: &str) -> Response {
        let headers = [("authorization", &*format!("Bearer {bearer}"))];
        let request = request("GET", &format!("/v1/accounts/{id}/credentials"), &headers, "");
        Response::of(instance.handle(request).await)
    }

    /// Starts an instance that answers many requests.
    pub(crate) async fn reused(&self) -> ReusedBroker {
        self.harness.reused(self.flavour).await
    }

    /// Waits until the log has `count` lines, and returns its lines. An instance writes its line after its
    /// response.
    pub(crate) async fn log(&self, count: usize) -> Vec<Value> {
        eventually(async || {
            let text = String::from_utf8(self.stderr.contents().to_vec()).expect("the log is text");
            let lines = text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON"));
            Some(lines.collect::<Vec<_>>()).filter(|lines| lines.len() >= count)
        })
        .await
    }

    /// Fails if the log holds a key, a token or the id of an account.
    fn search_the_log_for_secrets(&self) {
        let log = String::from_utf8_lossy(&self.stderr.contents()).into_owned();
        for secret in [CALLERS_KEY, BROKER_TOKEN, BROKERS_KEY, METRICS_TOKEN, "oauth_access_token", "apn_"] {
            assert!(!log.contains(secret), "{log}");
        }
    }

    /// Fails if the store or the log holds a secret.
    pub(crate) fn search_for_secrets(&self) {
        self.search_the_store_for_secrets();
        self.search_the_log_for_secrets();
    }

    /// Fails if an entry of the store holds a key, a token or the id of an account in plain text.
    fn search_the_store_for_secrets(&self) {
        for (_, key, value) in self.key_value.entries() {
            for secret in [CALLERS_KEY, BROKER_TOKEN, BROKERS_KEY, "oauth_access_token", "apn_"] {
                let found = value.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found && !key.contains(secret), "{key} holds {secret}");
            }
        }
    }

    /// Gets the account's credentials with this bearer token.
    pub(crate) async fn get(&self, bearer: &str) -> Response {
        self.send("GET", ACCOUNT, &[("authorization", &format!("Bearer {bearer}"))], "").await
    }

    /// Gets the credentials of the account with this id.
    pub(crate) async fn get_account(&self, id: &str, bearer: &str) -> Response {
        let path = format!("/v1/accounts/{id}/credentials");
        self.send("GET", &path, &[("authorization", &format!("Bearer {bearer}"))], "").await
    }

    /// Gets the account's credentials past the cache.
    pub(crate) async fn force(&self, bearer: &str) -> Response {
        let headers = [("authorization", &*format!("Bearer {bearer}")), ("cache-control", "no-cache")];
        self.send("GET", ACCOUNT, &headers, "").await
    }

    /// Removes the account's entry.
    pub(crate) async fn delete(&self, bearer: &str) -> Response {
        self.send("DELETE", ACCOUNT, &[("authorization", &format!("Bearer {bearer}"))], "").await
    }

    /// Refreshes the account's credentials with this bearer token. The body names the rejected token.
    pub(crate) async fn refresh(&self, bearer: &str, body: &str) -> Response {
        let path = format!("{ACCOUNT}/refresh");
        self.send("POST", &path, &[("authorization", &format!("Bearer {bearer}"))], body.to_owned()).await
    }
}

/// A request to the broker with these headers.
pub(crate) fn request(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(format!("http://broker.example{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::new(body.into())).expect("the case's request is well formed")
}

/// The upstream's response for the account with this access token, which expires one hour after the start.
pub(crate) fn account(token: &str) -> Reply {
    Reply::status(200).json(&json!({"data": {
        "id": "apn_EOhwvQr",
        "credentials": {"oauth_access_token": token, "custom": [1, "two"]},
        "expires_at": "2026-01-01T01:00:03.000Z",
        "app": {"name_slug": "slack"},
    }}))
}
