//! Why there are no credentials, with what the caller can do about it.

use crate::account_id::InvalidAccountId;
use crate::configuration::ConfigurationError;
use crate::ports::{Phase, StoreError};
use core::time::Duration;

/// The ways a call can fail: the cases of the WIT interface's `error`. None holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The account id is malformed.
    #[error("{InvalidAccountId}")]
    InvalidAccountId,
    /// The configuration is missing or bad.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// The upstream answered 401.
    #[error("the upstream refused {0}")]
    Unauthorized(Refused),
    /// The upstream answered 403.
    #[error(
        "the key or OAuth client may not read this account: share the account with its owner, or use another"
    )]
    Forbidden,
    /// The upstream answered 404.
    #[error(
        "the upstream knows no account of this id: check the id, and that the key or OAuth client belongs to its workspace"
    )]
    NotFound,
    /// The upstream answered 429.
    #[error("the upstream refuses more requests for now: call less often{}", after(.retry_after))]
    RateLimited {
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// The upstream answered with any other status.
    #[error("the upstream answered with status {status}{hint}", hint = status_hint(*.status))]
    UpstreamFailure {
        /// The status.
        status: u16,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// There was no connection, or it broke. The text is the host's error code.
    #[error(
        "the upstream can't be reached ({0}): check credwell_base_url and that the host allows the request"
    )]
    Unreachable(String),
    /// A limit of time was reached.
    #[error("the upstream is too slow: {0}")]
    TimedOut(Phase),
    /// The answer can't be understood.
    #[error("the upstream's answer can't be used: {0}")]
    MalformedResponse(Malformed),
    /// The answer has no credentials.
    #[error(
        "the upstream gives no credentials for this account: it gives none for accounts that were connected with its own OAuth client, so connect the account with an OAuth client of your own"
    )]
    NoCredentials,
    /// The upstream calls the account dead.
    #[error("the account is dead and can't recover: connect it anew")]
    AccountDead {
        /// The upstream's explanation.
        reason: Option<String>,
    },
    /// The upstream calls the account unhealthy.
    #[error(
        "the account is unhealthy, the upstream's last refresh of it failed: try again later, or connect it anew"
    )]
    AccountUnhealthy {
        /// The upstream's explanation.
        reason: Option<String>,
    },
    /// The host's store failed where the call is about the store.
    #[error("the entry could not be removed: {0}")]
    StoreFailure(StoreError),
}

impl From<InvalidAccountId> for Error {
    fn from(_: InvalidAccountId) -> Self {
        Self::InvalidAccountId
    }
}

impl Error {
    /// The case's name in the WIT interface.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidAccountId => "invalid-account-id",
            Self::Configuration(_) => "configuration",
            Self::Unauthorized(_) => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::RateLimited { .. } => "rate-limited",
            Self::UpstreamFailure { .. } => "upstream-failure",
            Self::Unreachable(_) => "unreachable",
            Self::TimedOut(_) => "timed-out",
            Self::MalformedResponse(_) => "malformed-response",
            Self::NoCredentials => "no-credentials",
            Self::AccountDead { .. } => "account-dead",
            Self::AccountUnhealthy { .. } => "account-unhealthy",
            Self::StoreFailure(_) => "store-failure",
        }
    }

    /// How long the upstream asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } | Self::UpstreamFailure { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// What the upstream refused with a 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The API key.
    #[error("the API key: it is wrong or was revoked; set a valid one in credwell_api_key")]
    ApiKey,
    /// The OAuth client's id and secret.
    #[error("the OAuth client: check credwell_oauth_client_id and credwell_oauth_client_secret")]
    OAuthClient,
    /// An OAuth token that it had just given.
    #[error(
        "an OAuth token that it has just given: check that the OAuth client may read accounts of this project"
    )]
    OAuthToken,
}

/// What is wrong with an answer. It names places, never what stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The body is larger than the limit.
    #[error("its body is larger than 1 MiB, or than the host allows")]
    TooLarge,
    /// The body is not JSON.
    #[error("its body is not JSON")]
    NotJson,
    /// The body is JSON, but not an account.
    #[error("its body is not an account object, neither bare nor in a field named data")]
    NotAnAccount,
    /// A field has another type or form than the contract says.
    #[error("the field {0} has an unexpected type or form")]
    Field(&'static str),
    /// The answer is about something else than was asked for.
    #[error("it is about another account")]
    AnotherAccount,
}

fn after(retry_after: &Option<Duration>) -> String {
    match retry_after {
        Some(wait) => format!(", and not again before {} s have passed", whole_seconds(*wait)),
        None => String::new(),
    }
}

/// Seconds, rounded up: a caller that waits them has waited long enough.
pub fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

fn status_hint(status: u16) -> &'static str {
    match status {
        300..=399 => ": redirects are not followed, since the key would go along; check credwell_base_url",
        400..=499 => ": check credwell_base_url and credwell_request_form",
        500..=599 => ": try again later",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_what_to_change() {
        for (error, expected) in [
            (Error::Unauthorized(Refused::ApiKey), "credwell_api_key"),
            (Error::UpstreamFailure { status: 302, retry_after: None }, "redirects are not followed"),
            (Error::UpstreamFailure { status: 503, retry_after: None }, "try again later"),
            (Error::TimedOut(Phase::Connect), "credwell_connect_timeout_ms"),
            (Error::NoCredentials, "OAuth client of your own"),
            (Error::RateLimited { retry_after: Some(Duration::from_millis(1200)) }, "before 2 s"),
        ] {
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
