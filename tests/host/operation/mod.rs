//! Tests of the listener's operation: the audit log, the metrics, and the bounds on what a caller can use.

mod audit;
mod audit_file;
mod bounds;
mod metrics;

use credwell_host::{Broker, Flavour, Listener};
use host_test::http_client::{Response, send};
use host_test::{BrokerHarness, BrokerHarnessBuilder, MemoryKeyValue, MockUpstream, Reply, TEST_API_KEY};
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const PATH: &str = "/v1/accounts/apn_EOhwvQr/credentials";
const TOKEN: &str = "xoxp-audit-1";

/// A running listener.
struct Server {
    address: SocketAddr,
    shutdown: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    fn start(listener: Listener) -> Self {
        let (shutdown, shut_down) = oneshot::channel();
        let address = listener.address();
        Self { address, shutdown, task: tokio::spawn(listener.serve(async { _ = shut_down.await })) }
    }

    /// Shuts the listener down and waits for its end.
    async fn end(self) {
        self.shutdown.send(()).expect("the listener waits for it");
        self.task.await.expect("the listener doesn't panic");
    }

    /// Sends a request with these header lines and no body.
    async fn request(&self, method: &str, path: &str, headers: &[&str]) -> Response {
        let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let request =
            format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n");
        send(self.address, &request).await
    }
}

/// A listener for the built broker, with this upstream and this store.
async fn listener(upstream: &MockUpstream, key_value: &MemoryKeyValue) -> Listener {
    harness(upstream, key_value).build().listener().await
}

async fn listener_for(broker: Broker, upstream: &MockUpstream, key_value: &MemoryKeyValue) -> Listener {
    harness(upstream, key_value).broker(broker).build().listener().await
}

fn harness(upstream: &MockUpstream, key_value: &MemoryKeyValue) -> BrokerHarnessBuilder {
    BrokerHarness::builder(Flavour::Wasmtime)
        .upstream(upstream.clone())
        .key_value(key_value.clone())
        .config("credwell_forced_refresh_age_ms", "0")
}

/// An upstream that returns one account.
fn upstream() -> MockUpstream {
    let upstream = MockUpstream::new();
    upstream.always(account());
    upstream
}

fn account() -> Reply {
    Reply::status(200).json(&json!({"data": {
        "id": "apn_EOhwvQr",
        "healthy": true,
        "dead": false,
        "credentials": {"oauth_access_token": TOKEN},
        "expires_at": null,
    }}))
}

fn authorization() -> String {
    format!("authorization: Bearer {TEST_API_KEY}")
}

/// Checks that the response is a problem document with this status and code.
#[track_caller]
fn assert_problem(response: &Response, status: &str, code: &str) {
    assert_eq!(response.status(), status, "{}", response.head);
    let problem: Value = serde_json::from_str(&response.body).expect("a problem document is JSON");
    assert_eq!(problem["type"], format!("urn:credwell:problem:{code}"));
}
