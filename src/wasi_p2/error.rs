//! The conversion of the core's errors to the `error` of the exported interface.

use super::bindings::credentials as wit;
use alloc::string::ToString;
use credwell_core::error::{Error, Refused, whole_seconds};

impl From<Error> for wit::Error {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        let retry_after = error.retry_after().map(whole_seconds);
        match error {
            Error::InvalidAccountId => Self::InvalidAccountId(message),
            Error::Configuration(_) => Self::Configuration(message),
            Error::Unauthorized(refused) => {
                let refused = match refused {
                    Refused::ApiKey | Refused::CallersKey => wit::Refused::ApiKey,
                    Refused::OAuthClient => wit::Refused::OauthClient,
                    Refused::OAuthToken => wit::Refused::OauthToken,
                };
                Self::Unauthorized(wit::Refusal { refused, message })
            }
            Error::Forbidden => Self::Forbidden(message),
            Error::NotFound => Self::NotFound(message),
            Error::RateLimited { .. } => Self::RateLimited(wit::RateLimit { retry_after, message }),
            Error::UpstreamFailure { status, .. } => {
                Self::UpstreamFailure(wit::UpstreamStatus { status, retry_after, message })
            }
            Error::Unreachable(_) => Self::Unreachable(message),
            Error::TimedOut(_) => Self::TimedOut(message),
            Error::MalformedResponse(_) => Self::MalformedResponse(message),
            Error::NoCredentials => Self::NoCredentials(message),
            Error::AccountDead { reason } => Self::AccountDead(wit::AccountState { reason, message }),
            Error::AccountUnhealthy { reason } => {
                Self::AccountUnhealthy(wit::AccountState { reason, message })
            }
            Error::StoreFailure(_) => Self::StoreFailure(message),
        }
    }
}
