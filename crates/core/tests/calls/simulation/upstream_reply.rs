//! The replies of the simulated upstream.

use super::{START, seconds};
use credwell_core::ports::TransportError;
use std::time::Duration;

/// An answer of the upstream.
#[derive(Clone)]
pub(crate) struct UpstreamReply {
    pub(super) latency: Duration,
    pub(super) result: Result<(u16, String), TransportError>,
    pub(super) retry_after: Option<String>,
    pub(super) rate_limit_reset: Option<String>,
}

impl UpstreamReply {
    /// An account with this token, which expires at this many seconds after the start.
    pub(crate) fn account(token: &str, expires_at: u64) -> Self {
        let expires_at = chrono::DateTime::from_timestamp_millis(START.after(seconds(expires_at)).0).unwrap();
        let expires_at = expires_at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        Self::body(&format!(
            r#"{{"data":{{"credentials":{{"oauth_access_token":"{token}"}},"expires_at":"{expires_at}"}}}}"#
        ))
    }

    /// A 200 with this body.
    pub(crate) fn body(body: &str) -> Self {
        Self::with(Ok((200, body.to_owned())))
    }

    /// An answer of this status, without a body.
    pub(crate) fn status(status: u16) -> Self {
        Self::with(Ok((status, String::new())))
    }

    /// No answer.
    pub(crate) fn failure(error: TransportError) -> Self {
        Self::with(Err(error))
    }

    /// No answer before any limit.
    pub(crate) fn stalling() -> Self {
        Self::status(200).after(seconds(1_000_000))
    }

    fn with(result: Result<(u16, String), TransportError>) -> Self {
        Self { latency: Duration::from_millis(300), result, retry_after: None, rate_limit_reset: None }
    }

    pub(crate) fn after(self, latency: Duration) -> Self {
        Self { latency, ..self }
    }

    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds.to_string()), ..self }
    }
}
