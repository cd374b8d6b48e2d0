//! The HTTP client behind [`Network`](crate::Network), with reused connections and three timeouts for a
//! request.

use super::body::TimedBody;
use super::connector::{Attempt, Connector, in_attempt};
use super::error_code::{error_of, is_closed_early};
use http::{Method, Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::capture_connection;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::RootCertStore;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

/// The timeout of each stage of a request for which the component sets none. wasmtime's own client has the
/// same one.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

/// The time after which an idle connection is closed. Servers close idle connections too, often after a
/// minute. A shorter time here means that fewer requests are sent on a connection that the server is closing.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// The largest number of idle connections to a host.
const IDLE_LIMIT: usize = 16;

/// An HTTP client. Clones share the connections.
#[derive(Clone, Debug)]
pub(super) struct Client(legacy::Client<Connector, WasiBody>);

impl Client {
    /// A client that trusts servers with a certificate from one of these authorities.
    pub(super) fn trusting(authorities: Arc<RootCertStore>) -> Self {
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_LIMIT)
            .build(Connector::trusting(authorities));
        Self(client)
    }

    /// Sends a request and waits for the response's head.
    ///
    /// A server may close an idle connection at the moment in which a request is sent on it. A `GET` or
    /// `HEAD` without a body is then sent once more (RFC 9110, section 9.2.2).
    pub(super) async fn send(
        &self,
        request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<TimedBody>, Error> {
        let copy = copy(&request);
        let response = match (self.attempt(request, options).await, copy) {
            (Err(AttemptError { was_closed_early: true, .. }), Some(copy)) => {
                self.attempt(copy, options).await
            }
            (result, _) => result,
        };
        let between_bytes = options.between_bytes_timeout.unwrap_or(DEFAULT_TIMEOUT);
        let response = response.map_err(|error| error.error)?;
        Ok(response.map(|body| TimedBody::new(body, between_bytes)))
    }

    async fn attempt(
        &self,
        mut request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<Incoming>, AttemptError> {
        let attempt = Attempt::new(options.connect_timeout.unwrap_or(DEFAULT_TIMEOUT));
        let first_byte = options.first_byte_timeout.unwrap_or(DEFAULT_TIMEOUT);
        let mut connection = capture_connection(&mut request);
        let connected = async {
            connection.wait_for_connection_metadata().await;
        };
        let mut response = pin!(in_attempt(&attempt, self.0.request(request)));
        // The timeout for the first byte starts once there is a connection.
        let result = tokio::select! {
            biased;
            result = &mut response => Ok(result),
            () = connected => timeout(first_byte, response).await,
        };
        match result {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(AttemptError {
                was_closed_early: !attempt.has_opened_connection() && is_closed_early(&error),
                error: error_of(&error),
            }),
            Err(_elapsed) => {
                Err(AttemptError { was_closed_early: false, error: Error::ConnectionReadTimeout })
            }
        }
    }
}

/// The error of an attempt to send a request.
struct AttemptError {
    error: Error,
    /// Whether the server has closed a reused connection before it sent anything.
    was_closed_early: bool,
}

/// A copy of a `GET` or `HEAD` without a body, which may be sent twice. `None` for any other request.
fn copy(request: &Request<WasiBody>) -> Option<Request<WasiBody>> {
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD);
    (is_safe && request.body().is_end_stream()).then(|| {
        let body = Empty::new().map_err(|never| match never {});
        let mut copy = Request::new(body.boxed_unsync());
        *copy.method_mut() = request.method().clone();
        *copy.uri_mut() = request.uri().clone();
        *copy.headers_mut() = request.headers().clone();
        copy
    })
}
