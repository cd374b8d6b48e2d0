//! The problem: why the broker answers a request with a problem document (RFC 9457).

use super::caller::Caller;
use super::outcome::ProblemCode;
use crate::configuration::ConfigurationError;
use crate::error::{Error, ErrorCase, whole_seconds};
use crate::ports::StoreError;
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::string::ToString;

/// Why a request gets no credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The broker has no such path.
    NoSuchPath,
    /// The path does not take the method.
    NoSuchMethod {
        /// The methods of the path.
        allowed: &'static str,
    },
    /// The request has no valid key or token.
    Unauthenticated,
    /// The caller may not have this account.
    NotAllowed,
    /// The body has more bytes than the limit.
    RequestTooLarge,
    /// The body is not what the path takes.
    MalformedBody,
    /// The store can't read the counters.
    NoMetrics(StoreError),
    /// A setting of the broker is wrong. The operator has to change it.
    Misconfigured(ConfigurationError),
    /// The call failed, for a caller of this kind.
    Call(Error, Caller),
}

impl From<ConfigurationError> for Problem {
    fn from(error: ConfigurationError) -> Self {
        Self::Misconfigured(error)
    }
}

impl Problem {
    /// The problem of a failed call.
    pub fn upstream(error: Error, caller: Caller) -> Self {
        match error {
            Error::Configuration(error) => error.into(),
            error => Self::Call(error, caller),
        }
    }

    /// The kind of the problem.
    pub fn code(&self) -> ProblemCode {
        match self {
            Self::NoSuchPath => ProblemCode::NoSuchPath,
            Self::NoSuchMethod { .. } => ProblemCode::NoSuchMethod,
            Self::Unauthenticated => ProblemCode::Unauthenticated,
            Self::NotAllowed => ProblemCode::NotAllowed,
            Self::RequestTooLarge => ProblemCode::RequestTooLarge,
            Self::MalformedBody => ProblemCode::MalformedBody,
            Self::NoMetrics(_) => ProblemCode::NoMetrics,
            Self::Misconfigured(_) => ProblemCode::Call(ErrorCase::Configuration),
            Self::Call(error, _) => ProblemCode::Call(error.case()),
        }
    }

    /// The status of the response. A refused API key is 401 for the caller that brought it. For a caller with
    /// a broker token the refused key is the broker's, so the status is a gateway's.
    pub fn status(&self) -> u16 {
        match self {
            Self::Call(Error::Unauthorized(_), Caller::ApiKey) => 401,
            problem => problem.code().status(),
        }
    }

    /// What happened, and what to change.
    pub fn detail(&self) -> String {
        match self {
            Self::NoSuchPath => "the broker has /v1/accounts/{id}/credentials, /v1/accounts/{id}/credentials/refresh, /healthz and, where credwell_broker_metrics_token is set, /metrics".to_owned(),
            Self::NoSuchMethod { allowed } => ["the path takes ", allowed].concat(),
            Self::Unauthenticated => "send a valid key or token in the header Authorization: Bearer".to_owned(),
            Self::NotAllowed => "the broker's callers may not have this account: its operator can add it to credwell_broker_accounts".to_owned(),
            Self::RequestTooLarge => "send less than 16 KiB".to_owned(),
            Self::MalformedBody => r#"send {"rejected": "…"} with the rejected token, or an empty body"#.to_owned(),
            Self::NoMetrics(error) => ["the store can't read the counters: ", &error.to_string()].concat(),
            Self::Misconfigured(error) => error.to_string(),
            Self::Call(error, _) => error.to_string(),
        }
    }

    /// The seconds to wait before the next request, where the upstream says them.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Call(error, _) => error.retry_after().map(whole_seconds),
            _ => None,
        }
    }
}
