//! The result of a lookup in the cache.

use crate::account_id::AccountId;
use crate::cache::backoff::Cause;
use crate::cache::entry::Header;
use crate::calls::credentials::{Credentials, Source};
use crate::error::Error;
use crate::secret::SecretString;
use crate::timestamp::UnixMilliseconds;
use crate::upstream::account::Account;
use core::time::Duration;

/// What the cache has for an account.
pub(super) enum Lookup {
    /// Fresh credentials.
    Fresh(CachedAccount),
    /// Valid credentials that are to be refreshed.
    Stale(CachedAccount),
    /// A failure of the account that the upstream reported a short time ago.
    Negative(Error),
    /// No usable entry. The account is there if its credentials have expired.
    Missing(Option<CachedAccount>),
}

/// An account from the cache.
pub(super) struct CachedAccount {
    /// The account.
    pub account: Account,
    /// The header of its entry.
    pub header: Header,
}

impl Lookup {
    /// The account, whether its credentials are fresh, stale or expired.
    pub(super) fn into_account(self) -> Option<CachedAccount> {
        match self {
            Self::Fresh(cached) | Self::Stale(cached) => Some(cached),
            Self::Missing(expired) => expired,
            Self::Negative(_) => None,
        }
    }
}

impl CachedAccount {
    /// Whether `secret` is one of these credentials: see [`Account::authorizes_with`].
    pub(super) fn authorizes_with(&self, secret: &SecretString) -> bool {
        self.account.authorizes_with(secret)
    }

    /// The rest of a backoff with this cause. None if no such backoff is on at `now`.
    pub(super) fn backoff_wait(&self, cause: Cause, now: UnixMilliseconds) -> Option<Duration> {
        let backoff = self.header.backoff.filter(|backoff| backoff.cause == cause && backoff.is_on(now));
        backoff.map(|backoff| backoff.retry_at.since(now))
    }

    /// The credentials as the caller gets them.
    pub(super) fn into_credentials(self, account_id: AccountId) -> Credentials {
        Credentials::new(account_id, self.account, Source::Cache, self.header.fetched_at)
    }
}
