//! Rust types and traits generated from the WIT files.

/// The component's export. Both flavours have the same one. The drafts that a component imports depend on
/// what is linked (see [`crate::link`]).
pub(crate) mod provider {
    wasmtime::component::bindgen!({
        path: "../../wit",
        inline: "
            package credwell:host;

            world provider {
                export credwell:credentials/credentials@0.2.0;
            }
        ",
        exports: { default: async },
        additional_derives: [PartialEq, Eq],
        require_store_data_send: true,
    });
}

/// The interfaces that this host implements itself. wasmtime's own crates implement the others.
pub(crate) mod host {
    wasmtime::component::bindgen!({
        path: "../../wit",
        inline: "
            package credwell:host;

            world host {
                import wasi:keyvalue/store@0.2.0-draft;
                import wasi:keyvalue/atomics@0.2.0-draft;
                import wasi:keyvalue/batch@0.2.0-draft;
                import wasi:keyvalue/store@0.2.0-draft2;
                import wasi:keyvalue/atomics@0.2.0-draft2;
                import wasi:keyvalue/batch@0.2.0-draft2;
                import wasi:config/store@0.2.0-rc.1;
                import wasi:config/store@0.2.0-draft-2024-09-27;
            }
        ",
        imports: { default: async | trappable },
        require_store_data_send: true,
        trappable_error_type: {
            "wasi:keyvalue/store@0.2.0-draft.error" => crate::key_value::OperationError,
            "wasi:keyvalue/store@0.2.0-draft2.error" => crate::key_value::OperationError,
            "wasi:config/store@0.2.0-rc.1.error" => crate::configuration::ConfigurationError,
            "wasi:config/store@0.2.0-draft-2024-09-27.error" => crate::configuration::ConfigurationError,
        },
        with: {
            "wasi:keyvalue/store@0.2.0-draft.bucket": crate::key_value::Bucket,
            "wasi:keyvalue/store@0.2.0-draft2.bucket": crate::key_value::Bucket,
            "wasi:keyvalue/atomics@0.2.0-draft2.cas": crate::key_value::Comparison,
        },
    });
}

pub use provider::exports::credwell::credentials::credentials::{
    AccountState, CacheFailure, Credentials, Error, Field, FieldValue, RateLimit, Refusal, Refused, Source,
    UpstreamStatus, Warning,
};

use credwell_core::error::{ErrorCase, WarningCase};

impl Error {
    /// The case, for example [`ErrorCase::RateLimited`].
    pub fn case(&self) -> ErrorCase {
        match self {
            Self::InvalidAccountId(_) => ErrorCase::InvalidAccountId,
            Self::Configuration(_) => ErrorCase::Configuration,
            Self::Unauthorized(_) => ErrorCase::Unauthorized,
            Self::Forbidden(_) => ErrorCase::Forbidden,
            Self::NotFound(_) => ErrorCase::NotFound,
            Self::RateLimited(_) => ErrorCase::RateLimited,
            Self::UpstreamFailure(_) => ErrorCase::UpstreamFailure,
            Self::Unreachable(_) => ErrorCase::Unreachable,
            Self::TimedOut(_) => ErrorCase::TimedOut,
            Self::MalformedResponse(_) => ErrorCase::MalformedResponse,
            Self::NoCredentials(_) => ErrorCase::NoCredentials,
            Self::AccountDead(_) => ErrorCase::AccountDead,
            Self::AccountUnhealthy(_) => ErrorCase::AccountUnhealthy,
            Self::StoreFailure(_) => ErrorCase::StoreFailure,
        }
    }

    /// What happened and what to change. The text contains no secret.
    pub fn message(&self) -> &str {
        match self {
            Self::InvalidAccountId(message)
            | Self::Configuration(message)
            | Self::Unauthorized(Refusal { message, .. })
            | Self::Forbidden(message)
            | Self::NotFound(message)
            | Self::RateLimited(RateLimit { message, .. })
            | Self::UpstreamFailure(UpstreamStatus { message, .. })
            | Self::Unreachable(message)
            | Self::TimedOut(message)
            | Self::MalformedResponse(message)
            | Self::NoCredentials(message)
            | Self::AccountDead(AccountState { message, .. })
            | Self::AccountUnhealthy(AccountState { message, .. })
            | Self::StoreFailure(message) => message,
        }
    }
}

impl Warning {
    /// The case, for example [`WarningCase::CacheDegraded`].
    pub fn case(&self) -> WarningCase {
        match self {
            Self::RefreshFailed(_) => WarningCase::RefreshFailed,
            Self::RefreshDeferred(_) => WarningCase::RefreshDeferred,
            Self::OauthTokenRefreshFailed(_) => WarningCase::OAuthTokenRefreshFailed,
            Self::AlreadyExpired => WarningCase::AlreadyExpired,
            Self::TokenUnchanged(_) => WarningCase::TokenUnchanged,
            Self::CacheDegraded(_) => WarningCase::CacheDegraded,
            Self::FieldIgnored(_) => WarningCase::FieldIgnored,
        }
    }

    /// What happened. The text contains no secret.
    pub fn message(&self) -> String {
        match self {
            Self::RefreshFailed(error) => {
                format!("the credentials are still valid, but refreshing them failed: {}", error.message())
            }
            Self::RefreshDeferred(seconds) => format!(
                "the credentials are still valid, but their last refresh failed; the next follows in {seconds} s"
            ),
            Self::OauthTokenRefreshFailed(error) => format!(
                "the OAuth client's token is still valid, but refreshing it failed: {}",
                error.message()
            ),
            Self::AlreadyExpired => {
                "the credentials had expired when the upstream gave them: connect the account anew if this \
                 goes on, and check the host's clock"
                    .to_owned()
            }
            Self::TokenUnchanged(seconds) => format!(
                "the upstream still gives the access token that was rejected; it is asked again in {seconds} s \
                 at the earliest"
            ),
            Self::CacheDegraded(CacheFailure { operation, message }) => {
                format!("the cache did not work, {operation} failed: {message}")
            }
            Self::FieldIgnored(name) => format!(
                "the field {name} of the upstream's answer has an unexpected type or form and is left out"
            ),
        }
    }
}
