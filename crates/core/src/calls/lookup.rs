//! What was found in the cache.

use crate::account_id::AccountId;
use crate::cache::backoff::Cause;
use crate::cache::entry::Header;
use crate::calls::credentials::{Credentials, Source};
use crate::error::Error;
use crate::secret::SecretString;
use crate::timestamp::UnixMilliseconds;
use crate::upstream::account::Account;
use core::time::Duration;

/// What the cache has.
pub(super) enum Lookup {
    /// Credentials that serve.
    Fresh(CachedAccount),
    /// Credentials that are to be refreshed, and serve if that fails.
    Stale(CachedAccount),
    /// The upstream said a short time ago that there are none.
    Negative(Error),
    /// Nothing that serves; perhaps credentials that never serve again.
    Missing(Option<CachedAccount>),
}

/// Credentials from the cache.
pub(super) struct CachedAccount {
    /// The account.
    pub account: Account,
    /// What is known of its entry.
    pub header: Header,
}

impl Lookup {
    /// The credentials, of whatever use they are.
    pub(super) fn into_account(self) -> Option<CachedAccount> {
        match self {
            Self::Fresh(cached) | Self::Stale(cached) => Some(cached),
            Self::Missing(cached) => cached,
            Self::Negative(_) => None,
        }
    }
}

impl CachedAccount {
    /// Whether the caller's rejected secret is one of these credentials.
    pub(super) fn uses(&self, rejected: &SecretString) -> bool {
        self.account.uses(rejected)
    }

    /// How long a backoff of this kind still lasts; none if there is none at `now`.
    pub(super) fn backoff_wait(&self, cause: Cause, now: UnixMilliseconds) -> Option<Duration> {
        let backoff = self.header.backoff.filter(|backoff| backoff.cause == cause && backoff.is_on(now));
        backoff.map(|backoff| backoff.retry_at.since(now))
    }

    /// The answer that hands them out.
    pub(super) fn into_credentials(self, account_id: AccountId) -> Credentials {
        Credentials::new(account_id, self.account, Source::Cache, self.header.fetched_at)
    }
}
