//! The end of a request to the upstream: what a call writes to the cache for other calls, and what it
//! returns.

use super::call::Call;
use super::credentials::{Credentials, Source, Warning};
use super::lookup::CachedAccount;
use crate::cache::backoff::{Backoff, Cause, after_rejected, after_unchanged};
use crate::cache::entry::{Entry, Header, Kind};
use crate::cache::freshness::Freshness;
use crate::cache::negative;
use crate::error::Error;
use crate::ports::{Phase, Ports};
use crate::secret::SecretString;
use crate::timestamp::UnixMilliseconds;
use crate::upstream::account::FetchedAccount;
use core::time::Duration;

impl<P: Ports> Call<'_, P> {
    /// Caches a fetched account and returns its credentials. If another call has cached a newer account
    /// meanwhile, returns the newer credentials, unless they are expired or rejected.
    pub(super) async fn cache_account(
        &mut self,
        FetchedAccount { json, account }: FetchedAccount,
        fetched_at: UnixMilliseconds,
        previous: Option<&CachedAccount>,
        rejected: Option<&SecretString>,
    ) -> Credentials {
        let now = self.ports.wall_time();
        let is_unchanged = |cached: &&CachedAccount| {
            cached.read(&self.account_id).is_some_and(|cached| cached.has_same_secret_as(&account))
        };
        let unchanged = previous.filter(is_unchanged);
        let mut header = Header {
            expires_at: account.expires_at,
            next_refresh_at: account.next_refresh_at,
            ignored_fields: account.ignored_fields.clone(),
            first_fetched_at: unchanged.map_or(fetched_at, |cached| cached.header.first_fetched_at),
            ..Header::new(Kind::Account, fetched_at)
        };
        let freshness = header.times().freshness(&self.configuration.refresh, now, &|| 1.0);
        let earlier_backoff = unchanged.and_then(|cached| cached.header.backoff);
        let is_rejected = rejected.is_some_and(|rejected| account.authorizes_with(rejected));
        if freshness == Freshness::Stale || (is_rejected && freshness == Freshness::Fresh) {
            let (cause, wait): (_, fn(u32) -> Duration) = match is_rejected {
                true => (Cause::Rejected, after_rejected),
                false => (Cause::Unchanged, after_unchanged),
            };
            header.backoff = Some(Backoff::after(earlier_backoff, cause, now, &wait));
        }
        let newer = self.write_account(&header, &json).await;
        let is_accepted =
            |cached: &CachedAccount| rejected.is_none_or(|rejected| !self.authorizes(cached, rejected));
        if let Some(CachedAccount { json, header }) = newer.filter(is_accepted) {
            return self.credentials(json, &header, Source::Cache);
        }

        if header.expires_at.is_some_and(|expires_at| expires_at <= now) {
            self.warnings.push(Warning::AlreadyExpired);
        } else if let Some(backoff) = header.backoff.filter(|backoff| backoff.cause == Cause::Rejected) {
            self.warnings.push(Warning::TokenUnchanged(backoff.retry_at.since(now)));
        }
        let credentials = self.credentials(json, &header, Source::Upstream);
        Credentials { is_renewed: previous.is_some(), ..credentials }
    }

    /// Returns stale credentials after their refresh failed, with a warning, and backs the next refresh off.
    /// If another call has refreshed the credentials meanwhile, returns the newer ones.
    pub(super) async fn fall_back(&mut self, mut stale: CachedAccount, error: Error) -> Credentials {
        stale.header.back_off(&error, self.ports.wall_time());
        match self.write_account(&stale.header, &stale.json).await {
            Some(CachedAccount { json, header }) => self.credentials(json, &header, Source::Cache),
            None => {
                self.warnings.push(Warning::RefreshFailed(error));
                self.credentials(stale.json, &stale.header, Source::Cache)
            }
        }
    }

    /// Writes an account to the cache, unless another call has written a newer entry meanwhile. Returns the
    /// newer account, if the newer entry is one and has not expired.
    async fn write_account(&mut self, header: &Header, json: &SecretString) -> Option<CachedAccount> {
        let newer = self.cache.write(&self.cache_key, header, json, self.previous_fetched_at).await;
        newer.and_then(|entry| self.valid_account(entry))
    }

    /// Caches the failure of a call that has asked the upstream. A failure of the account becomes the
    /// account's entry, for all later calls. Any other failure is for the followers alone.
    ///
    /// If the time ran out for a call that had less than all of it, the failure is its own: a follower can
    /// have more time.
    pub(super) async fn cache_failure(&mut self, error: &Error) {
        let Some(requested_at) = self.requested_at else { return };
        let negative =
            negative::entry(error, requested_at).filter(|_| !self.configuration.negative_age.is_zero());
        if let Some(Entry { header, content }) = negative {
            self.cache.write(&self.cache_key, &header, &content, self.previous_fetched_at).await;
        } else if *error != Error::TimedOut(Phase::Deadline) || !self.is_short_of_time {
            self.flight.share_failure(&mut self.cache, error).await;
        }
    }
}
