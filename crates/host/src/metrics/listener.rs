//! Where operators read the metrics.

use super::Metrics;
use crate::listener::{Bounds, BufferedResponse, empty, serve_connections};
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, ToSocketAddrs};

/// Some monitoring systems, and whoever looks by hand.
const BOUNDS: Bounds = Bounds { connections: 32, read_timeout: Duration::from_secs(10) };

/// A server for operators, on an address of its own: `/metrics` gives the [`Metrics`] and `/healthz` says that the
/// process serves, to `GET` and `HEAD`. It asks nobody who they are, so only operators should reach it. There is no
/// secret here.
pub struct MetricsListener {
    socket: TcpListener,
    address: SocketAddr,
    metrics: Metrics,
}

impl MetricsListener {
    /// Listens on an address. Port 0 takes any that is free.
    ///
    /// # Errors
    ///
    /// The address is in use, or is none of this machine.
    pub async fn bind(address: impl ToSocketAddrs, metrics: Metrics) -> std::io::Result<Self> {
        let socket = TcpListener::bind(address).await?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address, metrics })
    }

    /// The address with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is done.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let Self { socket, metrics, .. } = self;
        let answer = move |_, request| std::future::ready(answer(&metrics, &request));
        _ = serve_connections(socket, BOUNDS, shutdown, || (), answer).await;
    }
}

fn answer(metrics: &Metrics, request: &Request<Incoming>) -> BufferedResponse {
    let (content_type, text) = match request.uri().path() {
        "/metrics" => ("application/openmetrics-text; version=1.0.0; charset=utf-8", metrics.text()),
        "/healthz" => ("application/json", r#"{"status":"ok"}"#.to_owned()),
        _ => return empty(StatusCode::NOT_FOUND),
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut answer = empty(StatusCode::METHOD_NOT_ALLOWED);
        answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return answer;
    }
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
