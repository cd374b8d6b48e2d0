//! The service behind all connections: it answers one request with the broker, the audit log and the metrics.

use super::buffer::buffer;
use super::open_connections::{Connection, Used};
use super::request_id;
use super::request_log::RequestLog;
use super::response::{BufferedResponse, health, problem, take_outcome};
use crate::broker::ResponseReceiver;
use crate::detached::Detached;
use crate::metrics::GaugeGuard;
use crate::request_permits::{RequestPermit, RequestPermits};
use crate::{AuditLog, Broker, BrokerError, Capabilities, FingerprintKey, Metrics};
use bytes::Bytes;
use credwell_core::broker::outcome::ProblemCode;
use futures_util::FutureExt;
use futures_util::future::FusedFuture;
use http::header::{self, HeaderValue};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tracing::{Instrument, error};

/// The state that all connections share.
pub(super) struct Service {
    pub broker: Broker,
    pub capabilities: Capabilities,
    pub permits: RequestPermits,
    pub read_timeout: Duration,
    pub audit: Option<AuditLog>,
    pub metrics: Metrics,
    pub fingerprint_key: FingerprintKey,
}

impl Service {
    /// Answers a request. A caller that closes the connection does not end the work: the instance fills the
    /// cache, and the audit log gets its line. Until then, the request counts as in flight.
    pub(super) async fn respond(
        self: Arc<Self>,
        connection: Connection,
        request: Request<Incoming>,
    ) -> BufferedResponse {
        let request_log =
            RequestLog::of(&request, connection.peer, &self.fingerprint_key, self.audit.is_some());
        let in_flight = self.metrics.request_in_flight();
        let span = request_log.span();
        let request = buffer(request, self.read_timeout).instrument(span.clone()).await;
        let (sender, mut receiver) = oneshot::channel();
        let reply = Reply { request_log, sender, connection, used: None, in_flight };
        let work = AssertUnwindSafe(async move { self.process(reply, request).await }).catch_unwind();
        // The work goes on after the response, in a task of its own if it has not ended by then.
        let mut work = span.in_scope(|| Detached::new(work));
        let response = tokio::select! {
            biased;
            response = &mut receiver => response.ok(),
            _ = &mut work => receiver.try_recv().ok(),
        };
        response.unwrap_or_else(|| failed(&anyhow::anyhow!("the work for a request panicked")))
    }

    /// Answers a request whose body has been read. A request for `/healthz` takes no permit, so that a
    /// supervisor does not restart a process that is only busy.
    async fn process(&self, mut reply: Reply, request: Result<Request<Full<Bytes>>, BufferedResponse>) {
        let response = match request.map(|request| (health(&request), request)) {
            Err(response) | Ok((Some(response), _)) => response,
            Ok((None, request)) => {
                reply.used = Some(reply.connection.used());
                match self.permits.take().await {
                    Some(permit) => return self.run_broker(permit, reply, request).await,
                    None => self.refuse("too many requests are under way: send this one again later"),
                }
            }
        };
        self.conclude(reply, response).await;
    }

    /// Answers 503, because too many requests are in flight.
    fn refuse(&self, detail: &str) -> BufferedResponse {
        let code = ProblemCode::Overloaded;
        self.metrics.refused(code.name());
        let mut response = problem(code, detail);
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        response
    }

    /// Runs the broker. The request keeps its permit until the instance has done its last work, and until
    /// the audit log has its line.
    async fn run_broker(&self, permit: Arc<RequestPermit>, reply: Reply, request: Request<Full<Bytes>>) {
        let (sender, receiver) = oneshot::channel();
        let work = self.broker.answer(Some(Arc::clone(&permit)), &self.capabilities, request, sender);
        let (mut work, mut whole) = (pin!(work.fuse()), pin!(whole(receiver)));
        let mut ended = None;
        // The instance writes the body while it is read.
        let response = tokio::select! {
            biased;
            result = &mut work => {
                ended = Some(result);
                whole.await
            }
            response = &mut whole => response,
        };
        let response = match response {
            Some(response) => response,
            None => {
                let ended = match ended.take() {
                    Some(ended) => ended,
                    None => (&mut work).await,
                };
                Err(ended.map_or_else(BrokerError::Trap, |()| BrokerError::Silent).into())
            }
        };
        self.conclude(reply, self.checked(&permit, response)).await;
        if !work.is_terminated() {
            ended = Some(work.await);
        }
        if let Some(Err(trap)) = ended {
            error!(error = %trap, "an instance of the broker failed after its response");
        }
    }

    /// The broker's response, or the listener's own if an instance failed or had no waiting permit.
    fn checked(
        &self,
        permit: &RequestPermit,
        response: anyhow::Result<BufferedResponse>,
    ) -> BufferedResponse {
        let has_failed = response.as_ref().map_or(true, |response| response.status().is_server_error());
        if permit.was_refused() && has_failed {
            // The broker's own response would blame the upstream.
            return self.refuse("too many requests wait for the upstream: send this one again later");
        }
        response.unwrap_or_else(|error| {
            self.metrics.instance_failed();
            failed(&error)
        })
    }

    /// Records the outcome in the audit log, in the span and in the metrics, and sends the response. If the
    /// audit log can't be written, the caller gets a problem document instead of the response.
    async fn conclude(&self, reply: Reply, mut response: BufferedResponse) {
        let request_log = &reply.request_log;
        let mut outcome = take_outcome(response.status(), response.headers_mut());
        let written = match &self.audit {
            Some(audit) => match request_log.entry(response.status(), outcome) {
                Some(entry) => audit.write(&entry).await,
                None => Ok(()),
            },
            None => Ok(()),
        };
        if let Err(error) = written {
            error!(%error, "the audit log could not be written");
            let code = ProblemCode::AuditUnavailable;
            self.metrics.refused(code.name());
            response = problem(
                code,
                "the audit log can't be written, and the broker sends no credentials without it",
            );
            outcome = take_outcome(response.status(), response.headers_mut());
        }
        request_log.end(response.status(), outcome);
        self.metrics.responded(response.status(), request_log.duration());
        if let Ok(id) = HeaderValue::from_str(&request_log.request_id) {
            response.headers_mut().insert(request_id::HEADER, id);
        }
        reply.send(response);
    }
}

/// A request without a response yet.
struct Reply {
    request_log: RequestLog,
    sender: oneshot::Sender<BufferedResponse>,
    connection: Connection,
    /// Marks the connection as needed.
    used: Option<Used>,
    in_flight: GaugeGuard,
}

impl Reply {
    fn send(self, response: BufferedResponse) {
        let Self { request_log: _, sender, connection: _, used, in_flight } = self;
        drop((used, in_flight));
        // The caller may have closed the connection.
        _ = sender.send(response);
    }
}

/// Reads an instance's response with its whole body. Then a slow caller holds no instance, and an instance
/// that fails in the middle of the body results in 500. `None` if the instance sends no response.
async fn whole(receiver: ResponseReceiver) -> Option<anyhow::Result<BufferedResponse>> {
    let response = receiver.await.ok()?;
    let read = async {
        let (head, body) = response.map_err(BrokerError::Refused)?.into_parts();
        Ok(Response::from_parts(head, Full::new(body.collect().await?.to_bytes())))
    };
    Some(read.await)
}

/// Logs the reason for the operator. The caller learns only that the broker failed.
fn failed(error: &anyhow::Error) -> BufferedResponse {
    error!(error = format!("{error:#}"), "an instance of the broker failed");
    problem(ProblemCode::Internal, "the broker failed: its operator finds the reason in its log")
}
