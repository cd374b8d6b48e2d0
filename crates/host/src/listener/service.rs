//! Answering one request: the broker, the audit log, the metrics.

use super::request_id;
use super::request_log::RequestLog;
use super::response::{BufferedResponse, outcome, problem};
use super::whole::whole;
use crate::{AuditLog, Broker, Capabilities, FingerprintKey, Metrics};
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tracing::{Instrument, error};

/// What all connections share.
pub(super) struct Service {
    pub broker: Broker,
    pub capabilities: Capabilities,
    /// One for each request that may be under way.
    pub permits: Arc<Semaphore>,
    /// Those for requests that ask how the broker is.
    pub health_places: Arc<Semaphore>,
    pub read_timeout: Duration,
    pub audit: Option<AuditLog>,
    pub metrics: Metrics,
    pub fingerprint_key: FingerprintKey,
}

impl Service {
    /// Answers in a task of its own: a caller that hangs up doesn't end the instance, which goes on to fill the cache,
    /// so it counts until it has ended and its line is in the audit log.
    pub(super) async fn answer(
        self: Arc<Self>,
        peer: SocketAddr,
        request: Request<Incoming>,
    ) -> BufferedResponse {
        let request_log = RequestLog::of(&request, peer, &self.fingerprint_key);
        let counted = self.metrics.request();
        let span = request_log.span();
        let request = whole(request, self.read_timeout).instrument(span.clone()).await;
        let task = async move {
            let _counted = counted;
            self.attend(&request_log, request).await
        };
        tokio::spawn(task.instrument(span)).await.unwrap_or_else(|error| failed(&error.into()))
    }

    async fn attend(
        &self,
        request_log: &RequestLog,
        request: Result<Request<Full<Bytes>>, BufferedResponse>,
    ) -> BufferedResponse {
        let permits = if request_log.is_health { &self.health_places } else { &self.permits };
        // Held until the audit log has its line, too.
        let permit = permits.try_acquire();
        let answer = match (request, &permit) {
            (Err(refusal), _) => refusal,
            (Ok(request), Ok(_)) => self.ask(request).await,
            (Ok(_), Err(_)) => self.refuse(),
        };
        let mut answer = self.conclude(request_log, answer).await;
        if let Ok(id) = HeaderValue::from_str(&request_log.request_id) {
            answer.headers_mut().insert(request_id::HEADER, id);
        }
        answer
    }

    fn refuse(&self) -> BufferedResponse {
        self.metrics.refused("overloaded");
        let detail = "too many requests are under way: send this one again later";
        let mut answer = problem(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail);
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        answer
    }

    /// Asks the broker, in a task of its own, so that a panic ends no more than that.
    async fn ask(&self, request: Request<Full<Bytes>>) -> BufferedResponse {
        let (broker, capabilities) = (self.broker.clone(), self.capabilities.clone());
        let instance = async move {
            let request = request.map(|body| body.map_err(|never| match never {}));
            let (head, body) = broker.handle(&capabilities, request).await?.into_parts();
            // In one piece: a caller that reads slowly keeps no instance, and one that fails halfway gives 500.
            let body = body.collect().await?.to_bytes();
            anyhow::Ok(Response::from_parts(head, Full::new(body)))
        };
        self.metrics.instance_started();
        let answer = tokio::spawn(instance.in_current_span()).await;
        answer.map_err(anyhow::Error::from).flatten().unwrap_or_else(|error| {
            self.metrics.instance_failed();
            failed(&error)
        })
    }

    /// Notes what came of a request where it is to be noted. If the audit log can't take it, nothing leaves.
    async fn conclude(&self, request_log: &RequestLog, answer: BufferedResponse) -> BufferedResponse {
        let (answer, outcome) = with_outcome(answer).await;
        let entry = request_log.entry(answer.status(), &outcome);
        let written = match (&self.audit, entry) {
            (Some(audit), Some(entry)) => audit.write(&entry).await,
            _ => Ok(()),
        };
        let (answer, outcome) = match written {
            Ok(()) => (answer, outcome),
            Err(error) => {
                error!(%error, "the audit log could not be written");
                self.metrics.refused("audit-unavailable");
                let detail = "the audit log can't be written, and without it nothing is given out";
                let code = "audit-unavailable";
                (problem(StatusCode::SERVICE_UNAVAILABLE, code, detail), code.to_owned())
            }
        };
        request_log.end(answer.status(), &outcome);
        self.metrics.answered(answer.status(), request_log.duration());
        answer
    }
}

async fn with_outcome(answer: BufferedResponse) -> (BufferedResponse, String) {
    let (head, body) = answer.into_parts();
    let Ok(body) = body.collect().await;
    let body = body.to_bytes();
    let outcome = outcome(head.status, &head.headers, &body);
    (Response::from_parts(head, Full::new(body)), outcome)
}

/// The operator is told why, and the caller that it is so.
fn failed(error: &anyhow::Error) -> BufferedResponse {
    error!(error = format!("{error:#}"), "an instance of the broker failed");
    let detail = "the broker failed: its operator finds the reason in its log";
    problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
}
