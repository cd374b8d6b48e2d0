//! Tests of the reuse of connections.

use super::sockets::{ACCOUNT, Server, harness, read_request, respond};
use bytes::Bytes;
use host_test::{Network, Source};
use http_body_util::{BodyExt, Full};
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;
use wasmtime_wasi_http::{Error, WasiHttpHooks};

fn harness_of(server: &Server) -> host_test::Harness {
    let network = Network::to([server.address.to_string()]);
    harness(format!("http://{}", server.address), network)
        .config("credwell_forced_refresh_age_ms", "0")
        .build()
}

/// Refreshes the account's credentials and returns the access token, without use of the cache.
async fn token(harness: &host_test::Harness) -> Option<String> {
    let credentials = harness.refresh(ACCOUNT, None).await.expect("the upstream answers");
    assert_eq!(credentials.source, Source::Upstream);
    credentials.access_token
}

#[tokio::test]
async fn a_connection_serves_the_requests_of_all_instances() {
    let server = Server::start(|_, mut stream| async move {
        while read_request(&mut stream).await?.is_some() {
            respond(&mut stream, "token").await?;
        }
        Ok(())
    });
    let server = server.await;
    let harness = harness_of(&server);
    for _ in 0..5 {
        // Each call has a new instance.
        assert_eq!(token(&harness).await.as_deref(), Some("token"));
    }
    assert_eq!(server.connections(), 1);
}

async fn assert_each_call_has_a_connection(server: &Server) {
    let harness = harness_of(server);
    for number in 1..=3 {
        assert_eq!(token(&harness).await, Some(format!("token-{number}")));
    }
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn an_idle_connection_that_the_server_closed_is_replaced() {
    let server = Server::start(|number, mut stream| async move {
        read_request(&mut stream).await?;
        respond(&mut stream, &format!("token-{number}")).await
    });
    assert_each_call_has_a_connection(&server.await).await;
}

/// The server closes the connection while the client sends: the client can't know about it before.
#[tokio::test]
async fn a_connection_that_the_server_closes_instead_of_a_second_response_is_replaced() {
    let server = Server::start(|number, mut stream| async move {
        read_request(&mut stream).await?;
        respond(&mut stream, &format!("token-{number}")).await?;
        read_request(&mut stream).await?.expect("the client keeps the connection");
        Ok(())
    });
    assert_each_call_has_a_connection(&server.await).await;
}

/// A request on a new connection may have reached the server, and an unsafe request may have had an effect.
#[tokio::test]
async fn no_other_request_is_sent_twice() {
    let server = Server::start(|_, mut stream| async move {
        read_request(&mut stream).await?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await?;
        read_request(&mut stream).await?;
        Ok(())
    });
    let server = server.await;
    let mut network = Network::to([server.address.to_string()]);
    let mut send = async |method: &str| {
        let body = Full::<Bytes>::default().map_err(|never| match never {});
        let uri = format!("http://{}/", server.address);
        let request = http::Request::builder().method(method).uri(uri).body(body.boxed_unsync());
        let sent = network.send_request(request.expect("a valid request"), None, Box::new(async { Ok(()) }));
        let (response, _) = Pin::from(sent).await?;
        response.into_body().collect().await
    };
    send("POST").await.expect("the first request is answered");
    assert!(matches!(send("POST").await, Err(Error::HttpResponseIncomplete)));
    assert_eq!(server.connections(), 1);

    let server =
        Server::start(|_, mut stream| async move { read_request(&mut stream).await.map(|_| ()) }).await;
    let harness = harness_of(&server);
    assert!(harness.get(ACCOUNT).await.is_err());
    assert_eq!(server.connections(), 1);
}

/// The connection of a cancelled call is closed, because the server may be in the middle of a response.
#[tokio::test]
async fn the_connection_of_a_cancelled_call_is_closed() {
    let requested = Arc::new(Notify::new());
    let closed = Arc::new(Notify::new());
    let notify = (Arc::clone(&requested), Arc::clone(&closed));
    let server = Server::start(move |number, mut stream| {
        let (requested, closed) = notify.clone();
        async move {
            read_request(&mut stream).await?;
            if number > 1 {
                return respond(&mut stream, "token").await;
            }
            requested.notify_one();
            while read_request(&mut stream).await?.is_some() {}
            closed.notify_one();
            pending().await
        }
    });
    let server = server.await;
    let harness = harness_of(&server);
    let call = tokio::spawn({
        let harness = harness.clone();
        async move { harness.get(ACCOUNT).await }
    });
    requested.notified().await;
    call.abort();
    closed.notified().await;
    assert_eq!(token(&harness).await.as_deref(), Some("token"));
    assert_eq!(server.connections(), 2);
}
