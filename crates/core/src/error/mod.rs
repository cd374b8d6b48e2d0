//! The error of a call: why there are no credentials, and what the caller can change.

mod case;

use alloc::string::String;
pub use case::{ErrorCase, Remedy, WarningCase};

use crate::account_id::InvalidAccountId;
use crate::configuration::ConfigurationError;
use crate::ports::{Phase, StoreError};
use core::time::Duration;

/// The error of a call, with the cases of the WIT interface's `error`. No error contains a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The account id is malformed.
    #[error("{InvalidAccountId}")]
    InvalidAccountId,
    /// A setting is missing, unknown or malformed.
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
        "the upstream has no account with this id: check the id, and that the key or OAuth client belongs to its workspace"
    )]
    NotFound,
    /// The upstream answered 429.
    #[error("the upstream refuses more requests for now: call less often{}", after(.retry_after))]
    RateLimited {
        /// How long the upstream asks to wait.
        retry_after: Option<Duration>,
    },
    /// The upstream answered with any other status.
    #[error("the upstream answered with status {status}{hint}", hint = status_hint(*.status))]
    UpstreamFailure {
        /// The status.
        status: u16,
        /// How long the upstream asks to wait.
        retry_after: Option<Duration>,
    },
    /// There was no connection, or the connection broke. The text is the host's error code.
    #[error(
        "the upstream can't be reached ({0}): check credwell_base_url and that the host allows the request"
    )]
    Unreachable(String),
    /// A timeout or the deadline has passed.
    #[error("the upstream is too slow: {0}")]
    TimedOut(Phase),
    /// The upstream's answer is not an account.
    #[error("the upstream's answer can't be used: {0}")]
    MalformedResponse(Malformed),
    /// The upstream's answer has no credentials.
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
    /// The store failed in a call that is about the store.
    #[error("the entry could not be removed: {0}")]
    StoreFailure(StoreError),
}

impl From<InvalidAccountId> for Error {
    fn from(_: InvalidAccountId) -> Self {
        Self::InvalidAccountId
    }
}

impl Error {
    /// The case in the table that all interfaces share.
    pub fn case(&self) -> ErrorCase {
        match self {
            Self::InvalidAccountId => ErrorCase::InvalidAccountId,
            Self::Configuration(_) => ErrorCase::Configuration,
            Self::Unauthorized(_) => ErrorCase::Unauthorized,
            Self::Forbidden => ErrorCase::Forbidden,
            Self::NotFound => ErrorCase::NotFound,
            Self::RateLimited { .. } => ErrorCase::RateLimited,
            Self::UpstreamFailure { .. } => ErrorCase::UpstreamFailure,
            Self::Unreachable(_) => ErrorCase::Unreachable,
            Self::TimedOut(_) => ErrorCase::TimedOut,
            Self::MalformedResponse(_) => ErrorCase::MalformedResponse,
            Self::NoCredentials => ErrorCase::NoCredentials,
            Self::AccountDead { .. } => ErrorCase::AccountDead,
            Self::AccountUnhealthy { .. } => ErrorCase::AccountUnhealthy,
            Self::StoreFailure(_) => ErrorCase::StoreFailure,
        }
    }

    /// Whether the upstream has answered and said no. After any other error it is unknown what the upstream
    /// would say: it was not reached, was too busy, failed, or sent an answer that can't be used.
    ///
    /// A 401 of a configured secret is no such answer: it can be a slip of the operator during a rotation of
    /// the secret, and says nothing about the account. A caller's own key is refused for good.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Forbidden | Self::NotFound | Self::AccountDead { .. } | Self::NoCredentials => true,
            Self::Unauthorized(refused) => *refused == Refused::CallersKey,
            // 408 is a timeout (RFC 9110, section 15.5.9), 5xx a failure of the upstream.
            Self::UpstreamFailure { status, .. } => !matches!(status, 408 | 500..=599),
            _ => false,
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
    /// The configured API key.
    #[error("the API key: it is wrong or was revoked; set a valid one in credwell_api_key")]
    ApiKey,
    /// The API key that the caller has sent.
    #[error("the API key of the request: it is wrong or was revoked; send a valid one")]
    CallersKey,
    /// The OAuth client's id and secret.
    #[error("the OAuth client: check credwell_oauth_client_id and credwell_oauth_client_secret")]
    OAuthClient,
    /// An OAuth token that the upstream has just issued.
    #[error(
        "an OAuth token that it has just issued: check that the OAuth client may read accounts of this project"
    )]
    OAuthToken,
}

/// What is wrong with an answer. The text names fields and never repeats their values.
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
    /// The answer is about another account than the requested one.
    #[error("it is about another account")]
    AnotherAccount,
}

fn after(retry_after: &Option<Duration>) -> String {
    match retry_after {
        Some(wait) => format!(", and not again before {} s have passed", whole_seconds(*wait)),
        None => String::new(),
    }
}

/// The seconds of a duration, rounded up, so that a caller that waits for them waits long enough.
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

    fn failure(status: u16) -> Error {
        Error::UpstreamFailure { status, retry_after: None }
    }

    #[test]
    fn a_refusal_is_a_response_that_says_no() {
        let refused = [
            Error::Forbidden,
            Error::NotFound,
            Error::NoCredentials,
            Error::AccountDead { reason: None },
            Error::Unauthorized(Refused::CallersKey),
            failure(302),
            failure(400),
            failure(499),
            failure(600),
        ];
        let others = [
            Error::Unauthorized(Refused::ApiKey),
            Error::Unauthorized(Refused::OAuthClient),
            Error::Unauthorized(Refused::OAuthToken),
            Error::AccountUnhealthy { reason: None },
            Error::RateLimited { retry_after: None },
            Error::Unreachable(String::new()),
            Error::TimedOut(Phase::Connect),
            Error::MalformedResponse(Malformed::NotJson),
            failure(408),
            failure(500),
            failure(599),
        ];
        assert!(refused.iter().all(Error::is_refusal));
        assert!(!others.iter().any(Error::is_refusal));
    }

    #[test]
    fn a_wait_is_rounded_up_to_seconds() {
        for (milliseconds, seconds) in [(0, 0), (1, 1), (1_000, 1), (1_001, 2), (1_999, 2)] {
            assert_eq!(whole_seconds(Duration::from_millis(milliseconds)), seconds, "{milliseconds}");
        }
        let wait = Some(Duration::from_secs(7));
        assert_eq!(Error::RateLimited { retry_after: wait }.retry_after(), wait);
        assert_eq!(Error::UpstreamFailure { status: 503, retry_after: wait }.retry_after(), wait);
        assert_eq!(Error::NotFound.retry_after(), None);
    }

    #[test]
    fn each_status_has_its_hint() {
        for (statuses, hint) in [
            ([300, 399], "redirects are not followed"),
            ([400, 499], "check credwell_base_url and credwell_request_form"),
            ([500, 599], "try again later"),
        ] {
            for status in statuses {
                assert!(failure(status).to_string().contains(hint), "{status}");
            }
        }
        for status in [299, 600] {
            assert!(failure(status).to_string().ends_with(&status.to_string()), "{status}");
        }
        let large = Error::MalformedResponse(Malformed::TooLarge).to_string();
        assert!(large.contains("1 MiB") && crate::ports::MAXIMUM_BODY == 1 << 20, "{large}");
    }

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
