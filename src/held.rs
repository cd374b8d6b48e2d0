//! What was found in the cache.

use crate::account::Account;
use crate::account_id::AccountId;
use crate::credentials::{Credentials, Source};
use crate::entry::Header;
use crate::error::Error;
use crate::secret::SecretString;
use crate::setback::Cause;
use crate::timestamp::UnixMilliseconds;
use core::time::Duration;

/// What the cache has.
pub enum Cached {
    /// Credentials that serve.
    Fresh(Held),
    /// Credentials that are to be refreshed, and serve if that fails.
    Due(Held),
    /// The upstream said a short time ago that there are none.
    Negative(Error),
    /// Nothing that serves; perhaps credentials that never serve again.
    Missing(Option<Held>),
}

/// Credentials from the cache.
pub struct Held {
    /// The account.
    pub account: Account,
    /// What is known of its entry.
    pub header: Header,
}

impl Cached {
    /// The credentials, of whatever use they are.
    pub fn into_held(self) -> Option<Held> {
        match self {
            Self::Fresh(held) | Self::Due(held) => Some(held),
            Self::Missing(held) => held,
            Self::Negative(_) => None,
        }
    }
}

impl Held {
    /// Whether the caller's rejected secret is one of these credentials.
    pub fn uses(&self, rejected: &SecretString) -> bool {
        self.account.uses(rejected)
    }

    /// How long a setback of this kind still lasts; none if there is none at `now`.
    pub fn setback_wait(&self, cause: Cause, now: UnixMilliseconds) -> Option<Duration> {
        let setback = self.header.setback.filter(|setback| setback.cause == cause && setback.is_on(now));
        setback.map(|setback| setback.retry_at.since(now))
    }

    /// The answer that hands them out.
    pub fn into_credentials(self, account_id: AccountId) -> Credentials {
        Credentials::new(account_id, self.account, Source::Cache, self.header.fetched_at)
    }
}
