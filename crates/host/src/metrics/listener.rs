//! The metrics listener, where operators read the metrics.

use super::Metrics;
use crate::listener::{BufferedResponse, ConnectionLimits, empty, serve_connections};
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, ToSocketAddrs};

/// Enough connections for a few monitoring systems and for requests by hand.
const LIMITS: ConnectionLimits = ConnectionLimits {
    connections: 32,
    connections_per_peer: 8,
    read_timeout: Duration::from_secs(10),
    write_timeout: Duration::from_secs(10),
};

/// A server for operators, on an address of its own. It answers `GET` and `HEAD`: `/metrics` with the
/// [`Metrics`], and `/healthz` with 200 while the process serves. It has room for 32 connections, and for 8
/// of one peer, as [`Listener::connections_per_peer`](crate::Listener::connections_per_peer) describes.
///
/// The server has no authentication, so only operators should reach its address. Its responses contain no
/// secret.
pub struct MetricsListener {
    socket: TcpListener,
    address: SocketAddr,
    metrics: Metrics,
}

impl MetricsListener {
    /// Listens on an address. Port 0 is replaced by a free port.
    ///
    /// # Errors
    ///
    /// The address is in use or does not belong to this machine.
    pub async fn bind(address: impl ToSocketAddrs, metrics: Metrics) -> std::io::Result<Self> {
        let socket = TcpListener::bind(address).await?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address, metrics })
    }

    /// The address of the listener, with the real port instead of 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` completes. Then requests in flight have ten seconds to end.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let Self { socket, metrics, .. } = self;
        let respond = move |_, request| std::future::ready(respond(&metrics, &request));
        _ = serve_connections(socket, LIMITS, shutdown, None, respond).await;
    }
}

fn respond(metrics: &Metrics, request: &Request<Incoming>) -> BufferedResponse {
    let (content_type, text) = match request.uri().path() {
        "/metrics" => ("application/openmetrics-text; version=1.0.0; charset=utf-8", metrics.text()),
        "/healthz" => ("application/json", r#"{"status":"ok"}"#.to_owned()),
        _ => return empty(StatusCode::NOT_FOUND),
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let mut response = Response::new(Full::new(Bytes::from(text)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
