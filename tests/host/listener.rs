//! Tests of the listener with the built broker and a scripted upstream.

use host_test::http_client::{Response, get, send};
use host_test::{Broker, BrokerHarness, Flavour, MockUpstream, Reply, TEST_API_KEY};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::sleep;

const PATH: &str = "/v1/accounts/apn_EOhwvQr/credentials";

/// A running listener.
struct Server {
    address: SocketAddr,
    shutdown: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

async fn start(broker: Broker, upstream: &MockUpstream, concurrency_limit: usize) -> Server {
    let harness = BrokerHarness::builder(Flavour::Wasmtime).broker(broker).upstream(upstream.clone());
    let listener = harness.build().listener().await;
    let address = listener.address();
    let (shutdown, shut_down) = oneshot::channel();
    let serving = listener.concurrency_limit(concurrency_limit).serve(async { _ = shut_down.await });
    Server { address, shutdown, task: tokio::spawn(serving) }
}

fn broker() -> Broker {
    Broker::new(Flavour::Wasmtime).expect("the broker is built")
}

fn account() -> Reply {
    Reply::status(200).json(&json!({"data": {
        "id": "apn_EOhwvQr",
        "healthy": true,
        "dead": false,
        "credentials": {"oauth_access_token": "xoxp-1"},
        "expires_at": null,
    }}))
}

/// Checks that the response is a problem document with this status and code.
#[track_caller]
fn assert_problem(response: &Response, status: &str, code: &str) {
    assert_eq!(response.status(), status, "{}", response.head);
    assert!(response.head.contains("content-type: application/problem+json"), "{}", response.head);
    assert!(response.head.contains("cache-control: no-store"), "{}", response.head);
    let problem: Value = serde_json::from_str(&response.body).expect("a problem document is JSON");
    assert_eq!(problem["type"], format!("urn:credwell:problem:{code}"));
    assert_eq!(problem["status"].to_string(), status);
}

#[tokio::test]
async fn a_request_above_the_limit_is_refused_and_a_running_one_outlives_the_shutdown() {
    let upstream = MockUpstream::new();
    upstream.reply(account().head_after(Duration::from_secs(1)));
    let server = start(broker(), &upstream, 1).await;
    let first = tokio::spawn(get(server.address, PATH, TEST_API_KEY));
    while upstream.count() == 0 {
        sleep(Duration::from_millis(5)).await;
    }

    let second = get(server.address, PATH, TEST_API_KEY).await;
    assert_problem(&second, "503", "overloaded");
    assert!(second.head.contains("retry-after: 1"), "{}", second.head);

    server.shutdown.send(()).expect("the listener waits for it");
    let first = first.await.expect("the client doesn't panic");
    assert_eq!(first.status(), "200", "{}", first.body);
    assert!(first.body.contains("xoxp-1"), "{}", first.body);
    server.task.await.expect("the listener doesn't panic");
    assert!(std::net::TcpStream::connect(server.address).is_err(), "the listener still listens");
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn the_request_of_a_caller_that_hangs_up_fills_the_cache_and_counts_until_its_end() {
    let upstream = MockUpstream::new();
    upstream.reply(account().head_after(Duration::from_millis(500)));
    let server = start(broker(), &upstream, 1).await;
    let request =
        format!("GET {PATH} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TEST_API_KEY}\r\n\r\n");
    let mut stream = std::net::TcpStream::connect(server.address).expect("the listener listens");
    std::io::Write::write_all(&mut stream, request.as_bytes()).expect("the listener reads");
    while upstream.count() == 0 {
        sleep(Duration::from_millis(5)).await;
    }
    drop(stream);

    assert_problem(&get(server.address, PATH, TEST_API_KEY).await, "503", "overloaded");
    let response = loop {
        let response = get(server.address, PATH, TEST_API_KEY).await;
        if response.status() != "503" {
            break response;
        }
        sleep(Duration::from_millis(5)).await;
    };
    assert!(response.head.contains("cache-status: credwell; hit"), "{}", response.head);
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn a_trap_is_an_internal_error_without_its_reason() {
    let trapping = wat::parse_str(
        r#"(component
            (import "wasi:http/types@0.2.0" (instance $types
                (export "incoming-request" (type (sub resource)))
                (export "response-outparam" (type (sub resource)))))
            (alias export $types "incoming-request" (type $request))
            (alias export $types "response-outparam" (type $response))
            (core module $module (func (export "handle") (param i32 i32) unreachable))
            (core instance $code (instantiate $module))
            (func $handle (param "request" (own $request)) (param "response-out" (own $response))
                (canon lift (core func $code "handle")))
            (instance $handler (export "handle" (func $handle)))
            (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))"#,
    );
    let trapping = trapping.expect("the component's text is valid");
    let broker = Broker::from_bytes(Flavour::Wasmtime, &trapping).expect("the component handles requests");
    let server = start(broker, &MockUpstream::new(), 1).await;
    // Twice, because the first request must release its permit.
    for _ in 0..2 {
        let response = get(server.address, PATH, TEST_API_KEY).await;
        assert_problem(&response, "500", "internal");
        for detail in ["wasm", "trap", "unreachable"] {
            assert!(!response.body.contains(detail), "{}", response.body);
        }
    }
}

#[tokio::test]
async fn an_invalid_request_is_refused_before_an_instance_gets_it() {
    let server = start(broker(), &MockUpstream::new(), 0).await;
    let close = "connection: close\r\n";
    let response = send(server.address, &format!("GET /healthz HTTP/1.1\r\n{close}\r\n")).await;
    assert_problem(&response, "400", "malformed-request");
    let head =
        format!("POST {PATH}/refresh HTTP/1.1\r\nhost: localhost\r\n{close}content-length: 65537\r\n\r\n");
    assert_problem(&send(server.address, &head).await, "413", "request-too-large");
    // A body without a content-length.
    let head =
        format!("POST {PATH}/refresh HTTP/1.1\r\nhost: localhost\r\n{close}transfer-encoding: chunked\r\n");
    let request = format!("{head}\r\n10001\r\n{}\r\n0\r\n\r\n", "x".repeat(0x10001));
    assert_problem(&send(server.address, &request).await, "413", "request-too-large");
}

#[tokio::test]
async fn a_response_to_head_has_no_content_length_of_zero() {
    let upstream = MockUpstream::new();
    upstream.always(account());
    let server = start(broker(), &upstream, 1).await;
    let head = format!("HEAD {PATH} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TEST_API_KEY}\r\n");
    let response = send(server.address, &format!("{head}connection: close\r\n\r\n")).await;
    assert_eq!((response.status(), response.body.as_str()), ("200", ""), "{}", response.head);
    assert!(!response.head.contains("content-length: 0"), "{}", response.head);
}

#[tokio::test]
async fn two_hundred_requests_at_once_make_no_more_than_two_to_the_upstream() {
    let upstream = MockUpstream::new();
    upstream.always(account().head_after(Duration::from_millis(500)));
    let server = start(broker(), &upstream, 256).await;
    let started = std::time::Instant::now();
    let requests: Vec<_> = (0..200).map(|_| tokio::spawn(get(server.address, PATH, TEST_API_KEY))).collect();
    for request in requests {
        let response = request.await.expect("the request didn't panic");
        assert_eq!(response.status(), "200", "{}", response.head);
        assert!(response.body.contains("xoxp-1"), "{}", response.body);
    }
    // One request, and a second one if a slice of the lease ends during the first.
    assert!((1..=2).contains(&upstream.count()), "{}", upstream.count());
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    server.shutdown.send(()).expect("the listener runs");
    server.task.await.expect("the listener didn't panic");
}
