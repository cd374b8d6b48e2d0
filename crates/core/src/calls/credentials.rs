//! The result of a call: the credentials of an account, with warnings.

use crate::account_id::AccountId;
use crate::cache::CacheFailure;
use crate::cache::entry::Header;
use crate::error::{Error, WarningCase};
use crate::secret::{ExposeSecret, SecretString};
use crate::timestamp::UnixMilliseconds;
use crate::upstream::account::Account;
use alloc::vec::Vec;
use core::time::Duration;

/// The credentials of one account: the WIT interface's `credentials`.
#[derive(Debug)]
pub struct Credentials {
    /// The account's id.
    pub account_id: AccountId,
    /// The account object as the upstream sent it.
    pub account_json: SecretString,
    /// When the credentials expire. None: never.
    pub expires_at: Option<UnixMilliseconds>,
    /// Until when a guest that keeps the credentials may use them without another call. None: no limit.
    pub fresh_until: Option<UnixMilliseconds>,
    /// When the credentials were fetched from the upstream.
    pub fetched_at: UnixMilliseconds,
    /// Where the credentials come from.
    pub source: Source,
    /// Whether the call has replaced cached credentials, which were stale, expired or rejected.
    pub is_renewed: bool,
    /// What went wrong on the way to these credentials.
    pub warnings: Vec<Warning>,
}

/// Where credentials come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The cache.
    Cache,
    /// The upstream.
    Upstream,
}

/// A problem that did not keep the call from returning credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The credentials are stale, and this call failed to refresh them.
    RefreshFailed(Error),
    /// The credentials are stale, and their last refresh failed. The next one is backed off for this time.
    RefreshDeferred(Duration),
    /// The OAuth client's token is stale, and this call failed to refresh it.
    TokenRefreshFailed(Error),
    /// The upstream returned credentials that have expired already.
    AlreadyExpired,
    /// The upstream still returns the secret that the caller has rejected. It is not asked again for this
    /// time.
    TokenUnchanged(Duration),
    /// An operation of the cache failed.
    CacheDegraded(CacheFailure),
    /// The account's field of this name has an unexpected type or form, so the credentials do without it.
    FieldIgnored(&'static str),
}

impl Warning {
    /// The case in the table that all interfaces share.
    pub fn case(&self) -> WarningCase {
        match self {
            Self::RefreshFailed(_) => WarningCase::RefreshFailed,
            Self::RefreshDeferred(_) => WarningCase::RefreshDeferred,
            Self::TokenRefreshFailed(_) => WarningCase::OAuthTokenRefreshFailed,
            Self::AlreadyExpired => WarningCase::AlreadyExpired,
            Self::TokenUnchanged(_) => WarningCase::TokenUnchanged,
            Self::CacheDegraded(_) => WarningCase::CacheDegraded,
            Self::FieldIgnored(_) => WarningCase::FieldIgnored,
        }
    }
}

impl Credentials {
    /// The credentials of an account, with a warning for each of its fields that is ignored. `header` is the
    /// header of the account's entry.
    pub fn new(
        account_id: AccountId,
        account_json: SecretString,
        header: &Header,
        source: Source,
        fresh_until: Option<UnixMilliseconds>,
    ) -> Self {
        Self {
            account_id,
            account_json,
            expires_at: header.expires_at,
            fresh_until,
            fetched_at: header.fetched_at,
            source,
            is_renewed: false,
            warnings: header.ignored_fields.iter().copied().map(Warning::FieldIgnored).collect(),
        }
    }

    /// Reads the account object.
    ///
    /// # Errors
    /// [`Error::MalformedResponse`], which the credentials of a call never give: a call has read the account
    /// before the account was cached.
    pub fn account(&self) -> Result<Account, Error> {
        Account::from_json(self.account_json.expose_secret(), &self.account_id)
    }
}
