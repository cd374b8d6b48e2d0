//! What an operator relies on: the audit log, the metrics, and bounds on what callers take up.

mod audit;
mod bounds;
mod metrics;

use credwell_host::{Broker, Capabilities, Flavour, Listener};
use host_test::http_client::{Response, send};
use host_test::{Configuration, MemoryKeyValue, MockUpstream, Reply, TEST_API_KEY, TEST_ENCRYPTION_KEYS};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const PATH: &str = "/v1/accounts/apn_EOhwvQr/credentials";
const TOKEN: &str = "xoxp-audit-1";

/// Compiled once: that takes a while.
static BROKER: LazyLock<Broker> =
    LazyLock::new(|| Broker::new(Flavour::Wasmtime).expect("the broker is built"));

/// A running listener.
struct Server {
    address: SocketAddr,
    shutdown: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    fn start(listener: Listener) -> Self {
        let (shutdown, told) = oneshot::channel();
        let address = listener.address();
        Self { address, shutdown, task: tokio::spawn(listener.serve(async { _ = told.await })) }
    }

    async fn end(self) {
        self.shutdown.send(()).expect("the listener waits for it");
        self.task.await.expect("the listener doesn't panic");
    }

    /// Sends a request without a body, with these header lines.
    async fn ask(&self, method: &str, path: &str, headers: &[&str]) -> Response {
        let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let request =
            format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n");
        send(self.address, &request).await
    }
}

/// A listener for the built broker, with this upstream.
async fn listener(upstream: &MockUpstream, key_value: &MemoryKeyValue) -> Listener {
    listener_for(BROKER.clone(), upstream, key_value).await
}

async fn listener_for(broker: Broker, upstream: &MockUpstream, key_value: &MemoryKeyValue) -> Listener {
    let configuration = Configuration::from_iter([
        ("credwell_broker_mode", "pass-through"),
        ("credwell_encryption_keys", TEST_ENCRYPTION_KEYS),
    ]);
    let capabilities =
        Capabilities::new(Arc::new(upstream.clone()), Arc::new(key_value.clone()), Arc::new(configuration));
    Listener::bind("127.0.0.1:0", broker, capabilities).await.expect("a port is free")
}

/// An upstream that gives one account.
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

/// Checks that an answer is a problem document of this kind.
#[track_caller]
fn assert_problem(answer: &Response, status: &str, code: &str) {
    assert_eq!(answer.status(), status, "{}", answer.head);
    let problem: Value = serde_json::from_str(&answer.body).expect("a problem document is JSON");
    assert_eq!(problem["type"], format!("urn:credwell:problem:{code}"));
}
