//! What happens to a connection after its first request.

use super::sockets::{ACCOUNT, Server, answer, harness, request};
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
    harness(format!("http://{}", server.address), network).build()
}

/// Asks for the account's token, past the cache.
async fn token(harness: &host_test::Harness) -> Option<String> {
    let credentials = harness.refresh(ACCOUNT, None).await.expect("the upstream answers");
    assert_eq!(credentials.source, Source::Upstream);
    credentials.access_token
}

#[tokio::test]
async fn it_serves_the_requests_of_all_instances() {
    let server = Server::start(|_, mut stream| async move {
        while request(&mut stream).await?.is_some() {
            answer(&mut stream, "token").await?;
        }
        Ok(())
    });
    let server = server.await;
    let harness = harness_of(&server);
    for _ in 0..5 {
        // Each is a call in an instance of its own.
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
async fn one_that_the_server_closed_while_it_was_idle_is_replaced() {
    let server = Server::start(|number, mut stream| async move {
        request(&mut stream).await?;
        answer(&mut stream, &format!("token-{number}")).await
    });
    assert_each_call_has_a_connection(&server.await).await;
}

/// The request and the closing cross on the way: the client can't know before it has sent.
#[tokio::test]
async fn one_that_the_server_closes_in_place_of_a_second_answer_is_replaced() {
    let server = Server::start(|number, mut stream| async move {
        request(&mut stream).await?;
        answer(&mut stream, &format!("token-{number}")).await?;
        request(&mut stream).await?.expect("the client keeps the connection");
        Ok(())
    });
    assert_each_call_has_a_connection(&server.await).await;
}

/// A request that is new to the server on a new connection may have done something, and so may one that isn't safe.
#[tokio::test]
async fn nothing_else_is_sent_twice() {
    let server = Server::start(|_, mut stream| async move {
        request(&mut stream).await?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await?;
        request(&mut stream).await?;
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

    let server = Server::start(|_, mut stream| async move { request(&mut stream).await.map(|_| ()) }).await;
    let harness = harness_of(&server);
    assert!(harness.get(ACCOUNT).await.is_err());
    assert_eq!(server.connections(), 1);
}

/// What was begun for a call that was given up is closed, not kept: the server may be in the middle of an answer.
#[tokio::test]
async fn one_whose_call_was_given_up_is_closed() {
    let asked = Arc::new(Notify::new());
    let closed = Arc::new(Notify::new());
    let notify = (Arc::clone(&asked), Arc::clone(&closed));
    let server = Server::start(move |number, mut stream| {
        let (asked, closed) = notify.clone();
        async move {
            request(&mut stream).await?;
            if number > 1 {
                return answer(&mut stream, "token").await;
            }
            asked.notify_one();
            while request(&mut stream).await?.is_some() {}
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
    asked.notified().await;
    call.abort();
    closed.notified().await;
    assert_eq!(token(&harness).await.as_deref(), Some("token"));
    assert_eq!(server.connections(), 2);
}
