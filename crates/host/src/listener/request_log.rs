//! The request log: the parts of a request that logs, metrics and traces may contain.

use super::request_id;
use crate::audit::Entry;
use crate::{FingerprintKey, telemetry};
use chrono::{DateTime, Utc};
use credwell_core::account_id::AccountId;
use credwell_core::broker::route::{Action, Path, Route, method_name};
use http::{Request, StatusCode, header};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tracing::field::Empty;
use tracing::{Span, info_span};

/// The data of one request that the audit log and the span contain.
pub(super) struct RequestLog {
    pub request_id: String,
    time: DateTime<Utc>,
    started: Instant,
    peer: SocketAddr,
    caller: Option<String>,
    action: Option<&'static str>,
    account: Option<AccountId>,
    span: Span,
}

impl RequestLog {
    /// Records a request at its arrival, and creates its span as part of the caller's trace. Only an audit
    /// log needs the fingerprint of the caller's token.
    pub(super) fn of<Body>(
        request: &Request<Body>,
        peer: SocketAddr,
        key: &FingerprintKey,
        is_audited: bool,
    ) -> Self {
        let headers = request.headers();
        let (method, path) = (request.method().as_str(), request.uri().path());
        let action = Route::find(method, path).ok().map(|route| route.action);
        let path = Path::parse(path);
        let account = path.and_then(Path::account_id);
        let request_id = request_id::of(headers);
        let span = info_span!(
            "request",
            otel.kind = "server",
            otel.status_code = Empty,
            method = method_name(method),
            route = path.map_or("other", Path::template),
            request_id,
            account = account.as_ref().map(|id| key.of_account(id.as_str())),
            status = Empty,
            outcome = Empty,
        );
        telemetry::continue_trace(&span, headers);
        let authorization = headers.get(header::AUTHORIZATION).filter(|_| is_audited);
        Self {
            request_id,
            time: Utc::now(),
            started: Instant::now(),
            peer,
            caller: authorization.map(|value| key.of_token(token(value.as_bytes()))),
            action: action.filter(Action::is_on_account).map(|action| action.name()),
            account,
            span,
        }
    }

    /// The span of the request.
    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    /// The time since the arrival of the request.
    pub(super) fn duration(&self) -> Duration {
        self.started.elapsed()
    }

    /// Records the outcome in the span.
    pub(super) fn end(&self, status: StatusCode, outcome: &str) {
        self.span.record("status", status.as_u16());
        self.span.record("outcome", outcome);
        if status.is_server_error() {
            self.span.record("otel.status_code", "ERROR");
        }
    }

    /// The entry in the audit log, or `None` if the request is not about the credentials of an account.
    pub(super) fn entry(&self, status: StatusCode, outcome: &'static str) -> Option<Entry> {
        Some(Entry {
            time: self.time,
            request_id: self.request_id.clone(),
            peer: self.peer,
            caller: self.caller.clone(),
            account: self.account.as_ref().map(|id| id.as_str().to_owned()),
            action: self.action?,
            status: status.as_u16(),
            outcome,
            duration: self.duration(),
        })
    }
}

/// The text after the scheme in `Authorization` (RFC 9110, section 11.6.2), whatever the scheme is.
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
