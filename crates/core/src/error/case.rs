//! The table of error cases: the names that the WIT interface, the broker, the metrics and the program share.

/// What can be done about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The caller or the operator has to change the request, a setting or the API key.
    ChangeRequest,
    /// The account has to change. Until then the same request fails again.
    ChangeAccount,
    /// The same request can succeed later.
    RetryLater,
    /// None of these: the answer of the upstream is not what its documents describe.
    Report,
}

macro_rules! error_cases {
    ($($(#[$doc:meta])* $case:ident = $name:literal, $status:literal, $remedy:ident;)*) => {
        /// A case of the WIT interface's `error`, without what belongs to it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCase {
            $($(#[$doc])* $case,)*
        }

        impl ErrorCase {
            /// Every case, in the order of the WIT interface.
            pub const ALL: &[Self] = &[$(Self::$case),*];

            /// The name in the WIT interface, in problem documents, in logs and in metrics.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$case => $name,)*
                }
            }

            /// The status of the broker's response: the upstream's where the error is about the caller or the
            /// account, else a gateway's (RFC 9110, sections 15.6.3 and 15.6.5).
            pub const fn status(self) -> u16 {
                match self {
                    $(Self::$case => $status,)*
                }
            }

            /// What can be done about the error.
            pub const fn remedy(self) -> Remedy {
                match self {
                    $(Self::$case => Remedy::$remedy,)*
                }
            }
        }
    };
}

// A new case is one line here. The compiler then asks for its arm in `Error::case`, in the component's
// `error` and in the host's `Error::case`.
error_cases! {
    /// The account id is malformed.
    InvalidAccountId = "invalid-account-id", 400, ChangeRequest;
    /// A setting is missing, unknown or malformed.
    Configuration = "configuration", 500, ChangeRequest;
    /// The upstream answered 401. The broker answers 401 if the refused API key is the caller's own.
    Unauthorized = "unauthorized", 502, ChangeRequest;
    /// The upstream answered 403.
    Forbidden = "forbidden", 403, ChangeAccount;
    /// The upstream answered 404.
    NotFound = "not-found", 404, ChangeAccount;
    /// The upstream answered 429.
    RateLimited = "rate-limited", 429, RetryLater;
    /// The upstream answered with any other status.
    UpstreamFailure = "upstream-failure", 502, RetryLater;
    /// There was no connection, or the connection broke.
    Unreachable = "unreachable", 502, RetryLater;
    /// A timeout or the deadline has passed.
    TimedOut = "timed-out", 504, RetryLater;
    /// The upstream's answer is not an account.
    MalformedResponse = "malformed-response", 502, Report;
    /// The upstream's answer has no credentials.
    NoCredentials = "no-credentials", 422, ChangeAccount;
    /// The account can't recover.
    AccountDead = "account-dead", 410, ChangeAccount;
    /// The upstream's last refresh of the account failed.
    AccountUnhealthy = "account-unhealthy", 503, RetryLater;
    /// The entry could not be removed from the store.
    StoreFailure = "store-failure", 500, RetryLater;
}

macro_rules! warning_cases {
    ($($(#[$doc:meta])* $case:ident = $name:literal;)*) => {
        /// A case of the WIT interface's `warning`, without its data.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum WarningCase {
            $($(#[$doc])* $case,)*
        }

        impl WarningCase {
            /// Every case, in the order of the WIT interface.
            pub const ALL: &[Self] = &[$(Self::$case),*];

            /// The name in the WIT interface, in `Cache-Status`, in logs and in metrics.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$case => $name,)*
                }
            }
        }
    };
}

warning_cases! {
    /// The credentials are stale and still valid, and this call failed to refresh them.
    RefreshFailed = "refresh-failed";
    /// The credentials are stale and still valid, and an earlier call failed to refresh them.
    RefreshDeferred = "refresh-deferred";
    /// The OAuth client's token is stale and still valid, and this call failed to refresh it.
    OAuthTokenRefreshFailed = "oauth-token-refresh-failed";
    /// The credentials had expired when the upstream gave them.
    AlreadyExpired = "already-expired";
    /// The upstream still gives the token that the caller has rejected.
    TokenUnchanged = "token-unchanged";
    /// An operation of the cache failed.
    CacheDegraded = "cache-degraded";
    /// An optional field of the account is ignored, because it has an unexpected type or form.
    FieldIgnored = "field-ignored";
}
