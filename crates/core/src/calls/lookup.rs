//! The result of a lookup in the cache.

use crate::account_id::AccountId;
use crate::cache::backoff::Cause;
use crate::cache::entry::Header;
use crate::error::Error;
use crate::secret::{ExposeSecret, SecretString};
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

/// An account from the cache, as JSON. It is read only where its fields are needed: most callers get the
/// JSON as it is.
pub(super) struct CachedAccount {
    /// The account object.
    pub json: SecretString,
    /// The header of its entry.
    pub header: Header,
}

impl CachedAccount {
    /// The account. None if the JSON is not the account of this id.
    pub(super) fn read(&self, account_id: &AccountId) -> Option<Account> {
        Account::from_json(self.json.expose_secret(), account_id).ok()
    }

    /// Whether `secret` is one of these credentials: see [`Account::authorizes_with`]. True if the JSON is
    /// not the account of this id, because such an entry has to be replaced.
    pub(super) fn authorizes_with(&self, secret: &SecretString, account_id: &AccountId) -> bool {
        self.read(account_id).is_none_or(|account| account.authorizes_with(secret))
    }

    /// The rest of a backoff with this cause. None if no such backoff is on at `now`.
    pub(super) fn backoff_wait(&self, cause: Cause, now: UnixMilliseconds) -> Option<Duration> {
        let backoff = self.header.backoff.filter(|backoff| backoff.cause == cause && backoff.is_on(now));
        backoff.map(|backoff| backoff.retry_at.since(now))
    }
}
