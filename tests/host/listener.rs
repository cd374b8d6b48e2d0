//! The listener, with the built broker and an upstream that the test controls.

use host_test::http_client::{Response, get, send};
use host_test::{
    Broker, Capabilities, Configuration, Flavour, Listener, MemoryKeyValue, MockUpstream, Reply,
    TEST_API_KEY, TEST_ENCRYPTION_KEYS,
};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
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
    let configuration = Configuration::from_iter([
        ("credwell_broker_mode", "pass-through"),
        ("credwell_encryption_keys", TEST_ENCRYPTION_KEYS),
    ]);
    let key_value = Arc::new(MemoryKeyValue::new());
    let capabilities = Capabilities::new(Arc::new(upstream.clone()), key_value, Arc::new(configuration));
    let listener = Listener::bind("127.0.0.1:0", broker, capabilities).await.expect("a port is free");
    let address = listener.address();
    let (shutdown, told) = oneshot::channel();
    let serving = listener.concurrency_limit(concurrency_limit).serve(async { _ = told.await });
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

/// Checks that an answer is a problem document of this kind.
#[track_caller]
fn assert_problem(answer: &Response, status: &str, code: &str) {
    assert_eq!(answer.status(), status, "{}", answer.head);
    assert!(answer.head.contains("content-type: application/problem+json"), "{}", answer.head);
    assert!(answer.head.contains("cache-control: no-store"), "{}", answer.head);
    let problem: Value = serde_json::from_str(&answer.body).expect("a problem document is JSON");
    assert_eq!(problem["type"], format!("urn:credwell:problem:{code}"));
    assert_eq!(problem["status"].to_string(), status);
}

#[tokio::test]
async fn a_request_too_many_is_refused_and_one_under_way_outlives_the_shutdown() {
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
async fn a_caller_that_hangs_up_still_fills_the_cache_and_counts_until_then() {
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
    let answer = loop {
        let answer = get(server.address, PATH, TEST_API_KEY).await;
        if answer.status() != "503" {
            break answer;
        }
        sleep(Duration::from_millis(5)).await;
    };
    assert!(answer.head.contains("cache-status: credwell; hit"), "{}", answer.head);
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn a_trap_is_told_to_the_caller_without_its_reason() {
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
    // Twice: the first has given its place back.
    for _ in 0..2 {
        let answer = get(server.address, "/healthz", TEST_API_KEY).await;
        assert_problem(&answer, "500", "internal");
        for inside in ["wasm", "trap", "unreachable"] {
            assert!(!answer.body.contains(inside), "{}", answer.body);
        }
    }
}

#[tokio::test]
async fn a_request_that_no_instance_should_see_is_refused() {
    let server = start(broker(), &MockUpstream::new(), 0).await;
    let close = "connection: close\r\n";
    let answer = send(server.address, &format!("GET /healthz HTTP/1.1\r\n{close}\r\n")).await;
    assert_problem(&answer, "400", "malformed-request");
    let head =
        format!("POST {PATH}/refresh HTTP/1.1\r\nhost: localhost\r\n{close}content-length: 65537\r\n\r\n");
    assert_problem(&send(server.address, &head).await, "413", "request-too-large");
    // A body that doesn't say how much it will be.
    let head =
        format!("POST {PATH}/refresh HTTP/1.1\r\nhost: localhost\r\n{close}transfer-encoding: chunked\r\n");
    let request = format!("{head}\r\n10001\r\n{}\r\n0\r\n\r\n", "x".repeat(0x10001));
    assert_problem(&send(server.address, &request).await, "413", "request-too-large");
}

#[tokio::test]
async fn an_answer_to_head_claims_no_empty_body() {
    let upstream = MockUpstream::new();
    upstream.always(account());
    let server = start(broker(), &upstream, 1).await;
    let head = format!("HEAD {PATH} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TEST_API_KEY}\r\n");
    let answer = send(server.address, &format!("{head}connection: close\r\n\r\n")).await;
    assert_eq!((answer.status(), answer.body.as_str()), ("200", ""), "{}", answer.head);
    assert!(!answer.head.contains("content-length: 0"), "{}", answer.head);
}

#[tokio::test]
async fn two_hundred_requests_at_once_make_no_more_than_two_to_the_upstream() {
    let upstream = MockUpstream::new();
    upstream.always(account().head_after(Duration::from_millis(500)));
    let server = start(broker(), &upstream, 256).await;
    let started = std::time::Instant::now();
    let requests: Vec<_> = (0..200).map(|_| tokio::spawn(get(server.address, PATH, TEST_API_KEY))).collect();
    for request in requests {
        let answer = request.await.expect("the request didn't panic");
        assert_eq!(answer.status(), "200", "{}", answer.head);
        assert!(answer.body.contains("xoxp-1"), "{}", answer.body);
    }
    // One, and another one if a slice of time has ended in between.
    assert!((1..=2).contains(&upstream.count()), "{}", upstream.count());
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    server.shutdown.send(()).expect("the listener runs");
    server.task.await.expect("the listener didn't panic");
}
