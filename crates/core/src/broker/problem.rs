//! Why a request gets no credentials, as a problem document (RFC 9457).

use super::caller::Caller;
use crate::configuration::ConfigurationError;
use crate::error::{Error, whole_seconds};
use crate::ports::StoreError;

/// Why a request gets no credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The broker has no such path.
    NoSuchPath,
    /// The path has other methods.
    NoSuchMethod {
        /// Those.
        allowed: &'static str,
    },
    /// The caller doesn't say who it is, or nobody is that.
    Unauthenticated,
    /// The caller may not have this account.
    NotAllowed,
    /// The body has more than it may.
    RequestTooLarge,
    /// The body is not what the path takes.
    MalformedBody,
    /// The counters can't be read.
    NoMetrics(StoreError),
    /// The broker's operator has to mend its configuration.
    Misconfigured(ConfigurationError),
    /// The call itself failed, for a caller of this kind.
    Call(Error, Caller),
}

impl From<ConfigurationError> for Problem {
    fn from(error: ConfigurationError) -> Self {
        Self::Misconfigured(error)
    }
}

impl Problem {
    /// The problem that a failed call is.
    pub fn upstream(error: Error, caller: Caller) -> Self {
        match error {
            Error::Configuration(error) => error.into(),
            error => Self::Call(error, caller),
        }
    }

    /// The status: the upstream's where it is about the caller or the account, else a gateway's (RFC 9110,
    /// sections 15.6.3 and 15.6.5).
    pub fn status(&self) -> u16 {
        match self {
            Self::NoSuchPath => 404,
            Self::NoSuchMethod { .. } => 405,
            Self::Unauthenticated => 401,
            Self::NotAllowed => 403,
            Self::RequestTooLarge => 413,
            Self::MalformedBody => 400,
            Self::NoMetrics(_) => 503,
            Self::Misconfigured(_) => 500,
            Self::Call(error, caller) => call_status(error, *caller),
        }
    }

    /// What happened, in one word for programs. It is the case's name in the WIT interface where it has one.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSuchPath => "no-such-path",
            Self::NoSuchMethod { .. } => "no-such-method",
            Self::Unauthenticated => "unauthenticated",
            Self::NotAllowed => "not-allowed",
            Self::RequestTooLarge => "request-too-large",
            Self::MalformedBody => "malformed-body",
            Self::NoMetrics(_) => "no-metrics",
            Self::Misconfigured(_) => "configuration",
            Self::Call(error, _) => error.code(),
        }
    }

    /// What happened and what to change.
    pub fn detail(&self) -> String {
        match self {
            Self::NoSuchPath => "the broker has /v1/accounts/{id}/credentials, /v1/accounts/{id}/credentials/refresh, /healthz and, where credwell_broker_metrics_token is set, /metrics".to_owned(),
            Self::NoSuchMethod { allowed } => ["the path takes ", allowed].concat(),
            Self::Unauthenticated => "send a valid key or token in the header Authorization: Bearer".to_owned(),
            Self::NotAllowed => "the broker's callers may not have this account: its operator can add it to credwell_broker_accounts".to_owned(),
            Self::RequestTooLarge => "send less than 16 KiB".to_owned(),
            Self::MalformedBody => r#"send {"rejected": "…"} with the rejected token, or nothing"#.to_owned(),
            Self::NoMetrics(error) => ["the counters can't be read: ", &error.to_string()].concat(),
            Self::Misconfigured(error) => error.to_string(),
            Self::Call(error, _) => error.to_string(),
        }
    }

    /// How many seconds to wait, where that is known.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Call(error, _) => error.retry_after().map(whole_seconds),
            _ => None,
        }
    }
}

fn call_status(error: &Error, caller: Caller) -> u16 {
    match error {
        Error::InvalidAccountId => 400,
        // Of a caller with a broker token it is the broker's key that was refused.
        Error::Unauthorized(_) if caller == Caller::ApiKey => 401,
        Error::Forbidden => 403,
        Error::NotFound => 404,
        Error::AccountDead { .. } => 410,
        Error::NoCredentials => 422,
        Error::RateLimited { .. } => 429,
        Error::Configuration(_) | Error::StoreFailure(_) => 500,
        Error::Unauthorized(_)
        | Error::UpstreamFailure { .. }
        | Error::Unreachable(_)
        | Error::MalformedResponse(_) => 502,
        Error::AccountUnhealthy { .. } => 503,
        Error::TimedOut(_) => 504,
    }
}
