//! What logs, metrics and traces may know of a request.

use super::request_id;
use super::route::{Route, method_name};
use crate::audit::Entry;
use crate::{FingerprintKey, telemetry};
use chrono::{DateTime, Utc};
use http::{Request, StatusCode, header};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tracing::field::Empty;
use tracing::{Span, info_span};

/// A request that is being answered.
pub(super) struct RequestLog {
    pub request_id: String,
    pub is_health: bool,
    time: DateTime<Utc>,
    started: Instant,
    peer: SocketAddr,
    caller: Option<String>,
    action: Option<&'static str>,
    account: Option<String>,
    span: Span,
}

impl RequestLog {
    pub(super) fn of<Body>(request: &Request<Body>, peer: SocketAddr, key: &FingerprintKey) -> Self {
        let headers = request.headers();
        let route = Route::find(request.method(), request.uri().path());
        let request_id = request_id::of(headers);
        let span = info_span!(
            "request",
            otel.kind = "server",
            otel.status_code = Empty,
            method = method_name(request.method()),
            route = route.template,
            request_id,
            account = route.account.map(|id| key.of_account(id)),
            status = Empty,
            outcome = Empty,
        );
        telemetry::continue_trace(&span, headers);
        Self {
            request_id,
            is_health: route.is_health(),
            time: Utc::now(),
            started: Instant::now(),
            peer,
            caller: headers.get(header::AUTHORIZATION).map(|value| key.of_token(token(value.as_bytes()))),
            action: route.action,
            account: route.account.map(str::to_owned),
            span,
        }
    }

    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    pub(super) fn duration(&self) -> Duration {
        self.started.elapsed()
    }

    /// Notes in the span what came of the request.
    pub(super) fn end(&self, status: StatusCode, outcome: &str) {
        self.span.record("status", status.as_u16());
        self.span.record("outcome", outcome);
        if status.is_server_error() {
            self.span.record("otel.status_code", "ERROR");
        }
    }

    /// Its entry in the audit log, if it is for an account.
    pub(super) fn entry(&self, status: StatusCode, outcome: &str) -> Option<Entry> {
        Some(Entry {
            time: self.time,
            request_id: self.request_id.clone(),
            peer: self.peer,
            caller: self.caller.clone(),
            account: self.account.clone(),
            action: self.action?,
            status: status.as_u16(),
            outcome: outcome.to_owned(),
            duration: self.duration(),
        })
    }
}

/// What follows the scheme in `Authorization` (RFC 9110, section 11.6.2), however the scheme is spelled.
fn token(authorization: &[u8]) -> &[u8] {
    let blank = authorization.iter().position(|byte| *byte == b' ');
    blank.map_or(authorization, |blank| &authorization[blank..]).trim_ascii()
}

#[cfg(test)]
mod tests {
    use super::token;

    #[test]
    fn the_token_is_what_follows_the_scheme() {
        for authorization in ["Bearer one", "bearer  one ", "one"] {
            assert_eq!(token(authorization.as_bytes()), b"one", "{authorization}");
        }
    }
}
