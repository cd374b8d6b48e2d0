//! The result of a lookup in the cache.

use crate::cache::backoff::Cause;
use crate::cache::entry::Header;
use crate::error::Error;
use crate::secret::SecretString;
use crate::timestamp::UnixMilliseconds;
use crate::upstream::account::Account;
use core::time::Duration;

/// What the cache has for an account.
pub(super) enum Lookup {
    /// Fresh credentials, or the ones that the leader of this call's flight has brought, whatever they are.
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
}
