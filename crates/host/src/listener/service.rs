//! The service behind all connections: it answers one request with the broker, the audit log and the metrics.

use super::buffer::buffer;
use super::open_connections::Connection;
use super::request_id;
use super::request_log::RequestLog;
use super::response::{BufferedResponse, health, problem, take_outcome};
use crate::request_permits::{RequestPermit, RequestPermits};
use crate::{AuditLog, Broker, Capabilities, FingerprintKey, Metrics};
use bytes::Bytes;
use credwell_core::broker::outcome::ProblemCode;
use http::header::{self, HeaderValue};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use std::sync::Arc;
use std::time::Duration;
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
    /// Answers a request in a task of its own. A caller that closes the connection does not end the task: the
    /// instance fills the cache, and the audit log gets its line. Until then, the request counts as in
    /// flight.
    pub(super) async fn respond(
        self: Arc<Self>,
        connection: Connection,
        request: Request<Incoming>,
    ) -> BufferedResponse {
        let request_log = RequestLog::of(&request, connection.peer, &self.fingerprint_key);
        let in_flight = self.metrics.request_in_flight();
        let span = request_log.span();
        let request = buffer(request, self.read_timeout).instrument(span.clone()).await;
        let task = async move {
            let _in_flight = in_flight;
            self.process(&request_log, &connection, request).await
        };
        tokio::spawn(task.instrument(span)).await.unwrap_or_else(|error| failed(&error.into()))
    }

    /// Answers a request whose body has been read. A request for `/healthz` takes no permit, so that a
    /// supervisor does not restart a process that is only busy.
    async fn process(
        &self,
        request_log: &RequestLog,
        connection: &Connection,
        request: Result<Request<Full<Bytes>>, BufferedResponse>,
    ) -> BufferedResponse {
        // Dropped at the end of this function, when the audit log has its line.
        let (_permit, _used);
        let response = match request.map(|request| (health(&request), request)) {
            Err(refusal) => refusal,
            Ok((Some(health), _)) => health,
            Ok((None, request)) => {
                _used = connection.used();
                match self.permits.take().await {
                    Some(permit) => {
                        _permit = Arc::clone(&permit);
                        self.run_broker(permit, request).await
                    }
                    None => self.refuse("too many requests are under way: send this one again later"),
                }
            }
        };
        let mut response = self.conclude(request_log, response).await;
        if let Ok(id) = HeaderValue::from_str(&request_log.request_id) {
            response.headers_mut().insert(request_id::HEADER, id);
        }
        response
    }

    /// Answers 503, because too many requests are in flight.
    fn refuse(&self, detail: &str) -> BufferedResponse {
        let code = ProblemCode::Overloaded;
        self.metrics.refused(code.name());
        let mut response = problem(code, detail);
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        response
    }

    /// Runs the broker in a task of its own, so that a panic ends that task alone.
    async fn run_broker(
        &self,
        permit: Arc<RequestPermit>,
        request: Request<Full<Bytes>>,
    ) -> BufferedResponse {
        let (broker, capabilities) = (self.broker.clone(), self.capabilities.clone());
        let instances_permit = Some(Arc::clone(&permit));
        let instance = async move {
            let request = request.map(|body| body.map_err(|never| match never {}));
            let response = broker.handle_in(instances_permit, &capabilities, request).await?;
            let (head, body) = response.into_parts();
            // The body is read to its end first. Then a slow caller holds no instance, and an instance that
            // fails in the middle of the body results in 500.
            let body = body.collect().await?.to_bytes();
            anyhow::Ok(Response::from_parts(head, Full::new(body)))
        };
        self.metrics.instance_started();
        let result = tokio::spawn(instance.in_current_span()).await;
        let result = result.map_err(anyhow::Error::from).flatten();
        let has_failed = result.as_ref().map_or(true, |response| response.status().is_server_error());
        if permit.was_refused() && has_failed {
            // The broker's own response would blame the upstream.
            return self.refuse("too many requests wait for the upstream: send this one again later");
        }
        result.unwrap_or_else(|error| {
            self.metrics.instance_failed();
            failed(&error)
        })
    }

    /// Records the outcome in the audit log, in the span and in the metrics. If the audit log can't be
    /// written, the caller gets a problem document instead of the response.
    async fn conclude(&self, request_log: &RequestLog, mut response: BufferedResponse) -> BufferedResponse {
        let mut outcome = take_outcome(response.status(), response.headers_mut());
        let entry = request_log.entry(response.status(), outcome);
        let written = match (&self.audit, entry) {
            (Some(audit), Some(entry)) => audit.write(&entry).await,
            _ => Ok(()),
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
        response
    }
}

/// Logs the reason for the operator. The caller learns only that the broker failed.
fn failed(error: &anyhow::Error) -> BufferedResponse {
    error!(error = format!("{error:#}"), "an instance of the broker failed");
    problem(ProblemCode::Internal, "the broker failed: its operator finds the reason in its log")
}
