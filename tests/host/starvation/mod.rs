//! Tests that no caller can starve the others: with requests that wait for the upstream, and with connections
//! that nobody reads from.

mod connections;
mod requests;

use credwell_host::Listener;
use host_test::{Reply, TEST_API_KEY};
use serde_json::json;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The account that the cache has.
const CACHED: &str = "apn_EOhwvQr";

/// The limit on a wait. Only a failing test reaches it.
const LIMIT: Duration = Duration::from_secs(60);

/// Serves in a task of its own, which ends with the test.
fn start(listener: Listener) -> SocketAddr {
    let address = listener.address();
    tokio::spawn(listener.serve(std::future::pending()));
    address
}

fn path(account: &str) -> String {
    format!("/v1/accounts/{account}/credentials")
}

fn account(id: &str) -> Reply {
    Reply::status(200).json(&json!({"data": {
        "id": id,
        "healthy": true,
        "dead": false,
        "credentials": {"oauth_access_token": "xoxp-1"},
        "expires_at": null,
    }}))
}

/// Sends a `GET` with this bearer token and returns the whole response in lower case.
async fn get(address: SocketAddr, path: &str, token: &str) -> String {
    let stream = TcpStream::connect(address).await.expect("the listener listens");
    get_on(stream, path, token).await.expect("the listener answers")
}

/// Sends a `GET` on a connection and reads until the listener closes it.
async fn get_on(mut stream: TcpStream, path: &str, token: &str) -> std::io::Result<String> {
    let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
    stream.write_all(format!("{head}authorization: Bearer {token}\r\n\r\n").as_bytes()).await?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await?;
    Ok(response.to_ascii_lowercase())
}

/// Checks that the cache answers twenty requests one after the other, and returns the longest time.
async fn assert_hits(address: SocketAddr) -> Duration {
    let mut longest = Duration::ZERO;
    for number in 0..20 {
        let started = std::time::Instant::now();
        let response = timeout(LIMIT, get(address, &path(CACHED), TEST_API_KEY)).await;
        let response = response.unwrap_or_else(|_| panic!("hit {number} got no answer"));
        assert!(response.starts_with("http/1.1 200"), "hit {number}: {response}");
        assert!(response.contains("cache-status: credwell; hit"), "{response}");
        longest = longest.max(started.elapsed());
    }
    longest
}

/// Waits until a condition holds.
#[track_caller]
fn until(condition: impl Fn() -> bool) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        let wait = async {
            while !condition() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(LIMIT, wait).await.unwrap_or_else(|_| panic!("the condition at {caller} never held"));
    }
}
