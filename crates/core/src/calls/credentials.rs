//! The answer to a caller.

use crate::account_id::AccountId;
use crate::cache::CacheFailure;
use crate::error::{Error, WarningCase, whole_seconds};
use crate::secret::SecretString;
use crate::timestamp::UnixMilliseconds;
use crate::upstream::account::Account;
use crate::upstream::fields::Field;
use core::time::Duration;

/// The credentials of one account: the WIT interface's `credentials`.
#[derive(Debug)]
pub struct Credentials {
    /// The account.
    pub account_id: AccountId,
    /// The app's name slug.
    pub app_slug: Option<String>,
    /// The account's name.
    pub account_name: Option<String>,
    /// The OAuth access token.
    pub access_token: Option<SecretString>,
    /// Every field of the credentials.
    pub fields: Vec<Field>,
    /// Every other field of the account.
    pub account_fields: Vec<Field>,
    /// The account object as the upstream sent it.
    pub account_json: SecretString,
    /// When they expire.
    pub expires_at: Option<UnixMilliseconds>,
    /// When they were fetched.
    pub fetched_at: UnixMilliseconds,
    /// Where they came from.
    pub source: Source,
    /// Whether the upstream was asked although the cache had something, since that was due or had expired.
    pub is_renewed: bool,
    /// What the caller should know.
    pub warnings: Vec<Warning>,
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The cache.
    Cache,
    /// The upstream.
    Upstream,
}

/// Something that the caller should know of a good answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// The refresh that was due failed during this call.
    #[error("the credentials are still valid, but refreshing them failed: {0}")]
    RefreshFailed(Error),
    /// A refresh that was due failed a short time ago and was not tried again.
    #[error("the credentials are still valid, but the last refresh of them failed; the next follows in {} s", whole_seconds(*.0))]
    RefreshDeferred(Duration),
    /// The token of the OAuth client was due for a refresh, and that failed.
    #[error("the OAuth client's token is still valid, but refreshing it failed: {0}")]
    TokenRefreshFailed(Error),
    /// The upstream's credentials had expired when they came.
    #[error(
        "the credentials had expired when the upstream gave them: connect the account anew if this goes on, and check the host's clock"
    )]
    AlreadyExpired,
    /// The upstream has nothing better than what the caller rejected.
    #[error("the upstream still gives the access token that was rejected; it is asked again in {} s at the earliest", whole_seconds(*.0))]
    TokenUnchanged(Duration),
    /// The cache did not work.
    #[error("the cache did not work, {0}")]
    CacheDegraded(CacheFailure),
}

impl Warning {
    /// The case in the table that all interfaces share.
    pub fn case(&self) -> WarningCase {
        match self {
            Self::RefreshFailed(_) | Self::RefreshDeferred(_) | Self::TokenRefreshFailed(_) => {
                WarningCase::RefreshFailed
            }
            Self::AlreadyExpired => WarningCase::AlreadyExpired,
            Self::TokenUnchanged(_) => WarningCase::TokenUnchanged,
            Self::CacheDegraded(_) => WarningCase::CacheDegraded,
        }
    }
}

impl Credentials {
    /// The answer that hands out `account`.
    pub fn new(
        account_id: AccountId,
        account: Account,
        source: Source,
        fetched_at: UnixMilliseconds,
    ) -> Self {
        Self {
            account_id,
            app_slug: account.app_slug,
            account_name: account.name,
            access_token: account.access_token,
            fields: account.fields,
            account_fields: account.account_fields,
            account_json: account.json,
            expires_at: account.expires_at,
            fetched_at,
            source,
            is_renewed: false,
            warnings: Vec::new(),
        }
    }
}
