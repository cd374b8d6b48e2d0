//! Answering one request: the broker, the audit log, the metrics.

use super::answer::{Answer, outcome, problem};
use super::exchange::Exchange;
use super::request_id;
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
pub struct Service {
    pub broker: Broker,
    pub capabilities: Capabilities,
    /// One for each request that may be under way.
    pub places: Arc<Semaphore>,
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
    pub async fn answer(self: Arc<Self>, peer: SocketAddr, request: Request<Incoming>) -> Answer {
        let exchange = Exchange::of(&request, peer, &self.fingerprint_key);
        let counted = self.metrics.request();
        let span = exchange.span();
        let request = whole(request, self.read_timeout).instrument(span.clone()).await;
        let task = async move {
            let _counted = counted;
            self.attend(&exchange, request).await
        };
        tokio::spawn(task.instrument(span)).await.unwrap_or_else(|error| failed(&error.into()))
    }

    async fn attend(&self, exchange: &Exchange, request: Result<Request<Full<Bytes>>, Answer>) -> Answer {
        let places = if exchange.is_health { &self.health_places } else { &self.places };
        // Held until the audit log has its line, too.
        let place = places.try_acquire();
        let answer = match (request, &place) {
            (Err(refusal), _) => refusal,
            (Ok(request), Ok(_)) => self.ask(request).await,
            (Ok(_), Err(_)) => self.refuse(),
        };
        let mut answer = self.conclude(exchange, answer).await;
        if let Ok(id) = HeaderValue::from_str(&exchange.request_id) {
            answer.headers_mut().insert(request_id::HEADER, id);
        }
        answer
    }

    fn refuse(&self) -> Answer {
        self.metrics.refused("overloaded");
        let detail = "too many requests are under way: send this one again later";
        let mut answer = problem(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail);
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        answer
    }

    /// Asks the broker, in a task of its own, so that a panic ends no more than that.
    async fn ask(&self, request: Request<Full<Bytes>>) -> Answer {
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
    async fn conclude(&self, exchange: &Exchange, answer: Answer) -> Answer {
        let (answer, outcome) = with_outcome(answer).await;
        let entry = exchange.entry(answer.status(), &outcome);
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
        exchange.end(answer.status(), &outcome);
        self.metrics.answered(answer.status(), exchange.duration());
        answer
    }
}

async fn with_outcome(answer: Answer) -> (Answer, String) {
    let (head, body) = answer.into_parts();
    let Ok(body) = body.collect().await;
    let body = body.to_bytes();
    let outcome = outcome(head.status, &head.headers, &body);
    (Answer::from_parts(head, Full::new(body)), outcome)
}

/// The operator is told why, and the caller that it is so.
fn failed(error: &anyhow::Error) -> Answer {
    error!(error = format!("{error:#}"), "an instance of the broker failed");
    let detail = "the broker failed: its operator finds the reason in its log";
    problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
}
