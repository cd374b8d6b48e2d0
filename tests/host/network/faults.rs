//! Tests of failing upstreams over real sockets. Each failure has its own error, and ends within its timeout.

use super::sockets::{ACCOUNT, Server, account, harness, read_request, write_slowly};
use host_test::{Error, Network};
use std::future::pending;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A bound on the duration of a call, above each timeout.
const CALL_BOUND: Duration = Duration::from_secs(20);

/// The timeouts in milliseconds.
const SHORT: &str = "300";
const LONG: &str = "15000";

/// Gets credentials from a server that plays this script, and returns the error. The timeout `short` is
/// short, and the other timeouts are long.
async fn failure<Script, Play>(scheme: &str, short: &str, script: Script) -> Error
where
    Script: Fn(usize, TcpStream) -> Play + Send + 'static,
    Play: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let server = Server::start(script).await;
    failure_of(&format!("{scheme}://localhost:{}", server.address.port()), short).await
}

async fn failure_of(base_url: &str, short: &str) -> Error {
    let authority = base_url.split_once("://").expect("a URL has a scheme").1;
    let mut builder = harness(base_url.to_owned(), Network::to([authority]));
    for name in ["connect_timeout", "first_byte_timeout", "between_bytes_timeout", "deadline"] {
        builder = builder.config(format!("credwell_{name}_ms"), if name == short { SHORT } else { LONG });
    }
    let harness = builder.build();
    let result = timeout(CALL_BOUND, harness.get(ACCOUNT)).await.expect("the call ends");
    result.expect_err("the call fails")
}

#[track_caller]
fn assert_timed_out(error: &Error, setting: &str) {
    assert!(matches!(error, Error::TimedOut(text) if text.contains(setting)), "{error:?}");
}

#[track_caller]
fn assert_unreachable(error: &Error, code: &str) {
    assert!(matches!(error, Error::Unreachable(text) if text.contains(code)), "{error:?}");
}

#[tokio::test]
async fn upstream_that_accepts_and_never_answers() {
    let error = failure("http", "first_byte_timeout", |_, stream| async move {
        let _open = stream;
        pending().await
    });
    assert_timed_out(&error.await, "credwell_first_byte_timeout_ms");
}

#[tokio::test]
async fn upstream_whose_tls_handshake_never_ends() {
    let error = failure("https", "connect_timeout", |_, stream| async move {
        let _open = stream;
        pending().await
    });
    assert_timed_out(&error.await, "credwell_connect_timeout_ms");
}

#[tokio::test]
async fn upstream_whose_head_comes_byte_by_byte() {
    let error = failure("http", "first_byte_timeout", |_, mut stream| async move {
        read_request(&mut stream).await?;
        write_slowly(&mut stream, &account("token").concat(), Duration::from_millis(50)).await
    });
    assert_timed_out(&error.await, "credwell_first_byte_timeout_ms");
}

#[tokio::test]
async fn upstream_whose_body_pauses() {
    let error = failure("http", "between_bytes_timeout", |_, mut stream| async move {
        read_request(&mut stream).await?;
        let [head, body] = account("token");
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(&body.as_bytes()[..body.len() / 2]).await?;
        pending().await
    });
    assert_timed_out(&error.await, "credwell_between_bytes_timeout_ms");
}

/// Each pause is below its timeout, but the body never ends.
#[tokio::test]
async fn upstream_whose_body_comes_byte_by_byte() {
    let error = failure("http", "deadline", |_, mut stream| async move {
        read_request(&mut stream).await?;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
        write_slowly(&mut stream, &" ".repeat(10_000), Duration::from_millis(20)).await
    });
    assert_timed_out(&error.await, "credwell_deadline_ms");
}

#[tokio::test]
async fn upstream_that_resets_the_connection() {
    let error = failure("http", "", |_, mut stream| async move {
        read_request(&mut stream).await?;
        // A linger time of zero makes the system send a reset when the socket is closed.
        stream.set_zero_linger()
    });
    assert_unreachable(&error.await, "connection-terminated");
}

#[tokio::test]
async fn upstream_that_hangs_up_without_a_response() {
    for scheme in ["http", "https"] {
        let error = failure(scheme, "", |_, mut stream| async move {
            stream.readable().await?;
            stream.shutdown().await
        });
        let code = if scheme == "http" { "HTTP-response-incomplete" } else { "connection-terminated" };
        assert_unreachable(&error.await, code);
    }
}

#[tokio::test]
async fn upstream_that_hangs_up_within_the_head_or_the_body() {
    let [head, _] = account("token");
    for end in [head.len() - 10, head.len() + 10] {
        let error = failure("http", "", move |_, mut stream| async move {
            read_request(&mut stream).await?;
            stream.write_all(&account("token").concat().as_bytes()[..end]).await
        });
        // The component doesn't get the host's error code for a failure within the body.
        let code = if end < head.len() { "HTTP-response-incomplete" } else { "the body broke off" };
        assert_unreachable(&error.await, code);
    }
}

#[tokio::test]
async fn upstream_that_speaks_something_else() {
    for (scheme, code) in [("http", "HTTP-protocol-error"), ("https", "TLS-protocol-error")] {
        let error = failure(scheme, "", |_, mut stream| async move {
            stream.readable().await?;
            stream.write_all(b"220 mail.example ESMTP\r\n\r\n").await?;
            pending().await
        });
        assert_unreachable(&error.await, code);
    }
}

#[tokio::test]
async fn upstream_that_is_not_there() {
    let server = Server::start(|_, _| async { Ok(()) }).await;
    let address = server.address;
    drop(server);
    while TcpStream::connect(address).await.is_ok() {}
    assert_unreachable(&failure_of(&format!("http://{address}"), "").await, "connection-refused");
}

/// The label is longer than 63 bytes, so no resolver sends a query for it (RFC 1035, section 2.3.4).
#[tokio::test]
async fn upstream_whose_name_has_no_address() {
    let base_url = format!("https://{}.example", "a".repeat(64));
    assert_unreachable(&failure_of(&base_url, "").await, "DNS-error");
}
