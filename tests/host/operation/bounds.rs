//! What callers can take up, and what they can't.

use super::{PATH, Server, assert_problem, authorization, listener, upstream};
use credwell_host::Metrics;
use host_test::MemoryKeyValue;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// So long that a test that needs it has failed.
const TOO_LONG: Duration = Duration::from_secs(30);

const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// Connects and writes, without an end.
fn connect(address: SocketAddr, text: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("the listener listens");
    stream.set_read_timeout(Some(TOO_LONG)).expect("the socket takes a timeout");
    stream.write_all(text).expect("the connection takes it");
    stream
}

/// Reads until the listener closes the connection.
async fn rest(mut stream: TcpStream) -> String {
    let read = move || {
        let mut text = String::new();
        stream.read_to_string(&mut text).map(|_| text)
    };
    let text = tokio::task::spawn_blocking(read).await.expect("the reader doesn't panic");
    text.expect("the listener closes the connection")
}

/// Reads the head of one answer, of a connection that stays open.
async fn one_answer(mut stream: TcpStream) -> (TcpStream, String) {
    let read = move || {
        let (mut text, mut byte) = (Vec::new(), [0]);
        while !text.ends_with(br#"{"status":"ok"}"#) {
            stream.read_exact(&mut byte)?;
            text.push(byte[0]);
        }
        std::io::Result::Ok((stream, String::from_utf8_lossy(&text).into_owned()))
    };
    let answer = tokio::task::spawn_blocking(read).await.expect("the reader doesn't panic");
    answer.expect("the listener answers")
}

#[tokio::test]
async fn a_busy_broker_still_says_that_it_runs() {
    let listener = listener(&upstream(), &MemoryKeyValue::new()).await.concurrency_limit(0);
    let server = Server::start(listener);
    let refused = server.ask("GET", PATH, &[&authorization()]).await;
    assert_problem(&refused, "503", "overloaded");
    assert!(refused.head.contains("x-request-id: "), "{}", refused.head);
    assert_eq!(server.ask("GET", "/healthz", &[]).await.status(), "200");
    server.end().await;
}

#[tokio::test]
async fn a_connection_too_many_waits_for_another_to_end() {
    let metrics = Metrics::new();
    let listener = listener(&upstream(), &MemoryKeyValue::new()).await;
    let server = Server::start(listener.connection_limit(1).metrics(metrics.clone()));
    let (first, _) = one_answer(connect(server.address, HEALTH)).await;
    let second = connect(server.address, HEALTH);
    // While the first one is answered again, the second one gets nothing.
    let mut first = first;
    first.write_all(HEALTH).expect("the connection is open");
    let (first, _) = one_answer(first).await;
    second.set_nonblocking(true).expect("the socket can be asked");
    let nothing = second.peek(&mut [0]).expect_err("the second one was answered");
    assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
    assert!(metrics.text().contains("credwell_host_connections 1\n"), "{}", metrics.text());

    second.set_nonblocking(false).expect("the socket can be asked");
    drop(first);
    let (second, answer) = one_answer(second).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(second);
    server.end().await;
}

#[tokio::test]
async fn a_head_that_does_not_end_is_cut_off() {
    let listener = listener(&upstream(), &MemoryKeyValue::new()).await;
    let server = Server::start(listener.read_timeout(Duration::from_millis(100)));
    for beginning in ["", "GET /healthz HTTP/1.1\r\nhost: loc"] {
        let answer = rest(connect(server.address, beginning.as_bytes())).await;
        assert!(!answer.contains(" 200 "), "{answer}");
    }
    server.end().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let listener = listener(&upstream(), &MemoryKeyValue::new()).await;
    let server = Server::start(listener.read_timeout(Duration::from_millis(100)));
    let head = format!("POST {PATH}/refresh HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{{");
    let answer = rest(connect(server.address, head.as_bytes())).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("urn:credwell:problem:request-timed-out"), "{answer}");
    server.end().await;
}
