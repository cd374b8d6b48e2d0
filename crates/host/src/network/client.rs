//! An HTTP client that keeps its connections, and the three timeouts of a request.

use super::body::TimedBody;
use super::connector::{Attempt, Connector, attempting};
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

/// What a request waits for in each stage unless the component says otherwise. wasmtime's client has the same.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

/// How long a connection is kept that nobody uses. Servers close theirs after a time of their own, often a minute: the
/// shorter this is, the less often a request meets a connection that is being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// How many connections that nobody uses are kept for a host.
const IDLE_LIMIT: usize = 16;

/// The client. Clones share the connections.
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
    /// A server may close a connection in the moment in which a request is sent on it. Where that can't have changed
    /// anything (RFC 9110, section 9.2.2), the request is sent once more.
    pub(super) async fn send(
        &self,
        request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<TimedBody>, Error> {
        let copy = copy(&request);
        let response = match (self.attempt(request, options).await, copy) {
            (Err(Failed { was_closed_early: true, .. }), Some(copy)) => self.attempt(copy, options).await,
            (outcome, _) => outcome,
        };
        let between_bytes = options.between_bytes_timeout.unwrap_or(DEFAULT_TIMEOUT);
        let response = response.map_err(|failed| failed.error)?;
        Ok(response.map(|body| TimedBody::new(body, between_bytes)))
    }

    async fn attempt(
        &self,
        mut request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<Incoming>, Failed> {
        let attempt = Attempt::new(options.connect_timeout.unwrap_or(DEFAULT_TIMEOUT));
        let first_byte = options.first_byte_timeout.unwrap_or(DEFAULT_TIMEOUT);
        let mut connection = capture_connection(&mut request);
        let connected = async {
            connection.wait_for_connection_metadata().await;
        };
        let mut answered = pin!(attempting(&attempt, self.0.request(request)));
        let answer = tokio::select! {
            biased;
            answer = &mut answered => Ok(answer),
            () = connected => timeout(first_byte, answered).await,
        };
        match answer {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(Failed {
                was_closed_early: !attempt.has_begun_connection() && is_closed_early(&error),
                error: error_of(&error),
            }),
            Err(_elapsed) => Err(Failed { was_closed_early: false, error: Error::ConnectionReadTimeout }),
        }
    }
}

/// A request without a response.
struct Failed {
    error: Error,
    /// The server has closed a connection that it had kept open, before it sent anything.
    was_closed_early: bool,
}

/// The same request, where sending it twice does no more than sending it once.
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
