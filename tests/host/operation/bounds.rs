//! Tests of the bounds on what a caller can use: connections, concurrency and time.

use super::{PATH, Server, assert_problem, authorization, harness, listener, upstream};
use credwell_core::broker::outcome::OUTCOME_HEADER;
use credwell_host::Metrics;
use host_test::MemoryKeyValue;
use http::Request;
use http_body_util::{BodyExt, Empty};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The timeout of a read. Only a failing test reaches it.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// Connects and writes the text. The connection stays open.
fn connect(address: SocketAddr, text: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("the listener listens");
    stream.set_read_timeout(Some(READ_TIMEOUT)).expect("the socket takes a timeout");
    stream.write_all(text).expect("the connection takes it");
    stream
}

/// Reads until the listener closes the connection.
async fn read_to_end(mut stream: TcpStream) -> String {
    let read = move || {
        let mut text = String::new();
        stream.read_to_string(&mut text).map(|_| text)
    };
    let text = tokio::task::spawn_blocking(read).await.expect("the reader doesn't panic");
    text.expect("the listener closes the connection")
}

/// Reads one response to a health check. The connection stays open.
async fn read_health(mut stream: TcpStream) -> (TcpStream, String) {
    let read = move || {
        let (mut text, mut byte) = (Vec::new(), [0]);
        while !text.ends_with(br#"{"status":"ok"}"#) {
            stream.read_exact(&mut byte)?;
            text.push(byte[0]);
        }
        std::io::Result::Ok((stream, String::from_utf8_lossy(&text).into_owned()))
    };
    let response = tokio::task::spawn_blocking(read).await.expect("the reader doesn't panic");
    response.expect("the listener answers")
}

#[tokio::test]
async fn a_busy_broker_still_answers_health_checks() {
    let listener = listener(&upstream(), &MemoryKeyValue::new()).await.concurrency_limit(0);
    let server = Server::start(listener);
    let refused = server.request("GET", PATH, &[&authorization()]).await;
    assert_problem(&refused, "503", "overloaded");
    assert!(refused.head.contains("x-request-id: "), "{}", refused.head);
    assert_eq!(server.request("GET", "/healthz", &[]).await.status(), "200");
    server.end().await;
}

#[tokio::test]
async fn health_checks_need_no_instance_and_get_the_brokers_response() {
    let metrics = Metrics::new();
    let harness = harness(&upstream(), &MemoryKeyValue::new()).build();
    let listener = harness.listener().await.concurrency_limit(0);
    let server = Server::start(listener.metrics(metrics.clone()));
    for method in ["GET", "HEAD", "OPTIONS", "POST"] {
        let response = server.request(method, "/healthz?query", &[]).await;
        let request = Request::builder().method(method).uri("http://localhost/healthz?query");
        let request = request.body(Empty::new()).expect("a valid request");
        let (head, body) = harness.handle(request).await.expect("the broker answers").into_parts();
        let body = body.collect().await.expect("the body is complete").to_bytes();
        assert_eq!(response.status(), head.status.as_str(), "{method}");
        assert_eq!(response.body.as_bytes(), body, "{method}");
        for (name, value) in &head.headers {
            let line = format!("{name}: {}\r\n", value.to_str().expect("text")).to_lowercase();
            let is_internal = name == OUTCOME_HEADER;
            assert_eq!(format!("{}\r\n", response.head).contains(&line), !is_internal, "{method} {line}");
        }
    }
    let checks = (0..64).map(|_| server.request("GET", "/healthz", &[]));
    for response in futures_util::future::join_all(checks).await {
        assert_eq!(response.status(), "200");
    }
    assert!(metrics.text().contains("credwell_host_instances_started_total 0\n"), "{}", metrics.text());
    server.end().await;
}

#[tokio::test]
async fn a_connection_above_the_limit_waits_for_another_to_end() {
    let metrics = Metrics::new();
    let listener = listener(&upstream(), &MemoryKeyValue::new()).await;
    let server = Server::start(listener.connection_limit(1).metrics(metrics.clone()));
    let (first, _) = read_health(connect(server.address, HEALTH)).await;
    let second = connect(server.address, HEALTH);
    // The first connection gets another response, and the second connection gets none.
    let mut first = first;
    first.write_all(HEALTH).expect("the connection is open");
    let (first, _) = read_health(first).await;
    second.set_nonblocking(true).expect("the mode can be set");
    let nothing = second.peek(&mut [0]).expect_err("the second one was answered");
    assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
    assert!(metrics.text().contains("credwell_host_connections 1\n"), "{}", metrics.text());

    second.set_nonblocking(false).expect("the mode can be set");
    drop(first);
    let (second, response) = read_health(second).await;
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    drop(second);
    server.end().await;
}

#[tokio::test]
async fn a_head_that_does_not_end_times_out() {
    let listener = listener(&upstream(), &MemoryKeyValue::new()).await;
    let server = Server::start(listener.read_timeout(Duration::from_millis(100)));
    for beginning in ["", "GET /healthz HTTP/1.1\r\nhost: loc"] {
        let response = read_to_end(connect(server.address, beginning.as_bytes())).await;
        assert!(!response.contains(" 200 "), "{response}");
    }
    server.end().await;
}

#[tokio::test]
async fn a_body_that_does_not_arrive_times_out() {
    let listener = listener(&upstream(), &MemoryKeyValue::new()).await;
    let server = Server::start(listener.read_timeout(Duration::from_millis(100)));
    let head = format!("POST {PATH}/refresh HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{{");
    let response = read_to_end(connect(server.address, head.as_bytes())).await;
    assert!(response.starts_with("HTTP/1.1 408"), "{response}");
    assert!(response.contains("urn:credwell:problem:request-timed-out"), "{response}");
    server.end().await;
}
