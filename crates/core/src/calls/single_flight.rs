//! The single flight: of many calls for one account at the same time, one asks the upstream.

use super::call::Call;
use super::shared_failure;
use crate::cache::entry::Entry;
use crate::cache::freshness::is_from_the_future;
use crate::cache::key::CacheKey;
use crate::cache::lease::{self, Lease};
use crate::error::Error;
use crate::ports::{Bucket, Phase, Ports};
use crate::timestamp::UnixMilliseconds;

/// The role of a call in the flight for its account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flight {
    /// The call asks the upstream: it holds the lease, or the host has no leases.
    Lead,
    /// Another call asks the upstream.
    Follow,
    /// The call has just acquired the lease. It looks into the cache again, because the previous holder may
    /// have finished a moment before.
    Recheck,
}

impl<P: Ports> Call<'_, P> {
    /// Joins the flight for the account, after a lookup without fresh credentials.
    pub(super) async fn join_flight(&mut self) -> Flight {
        if !P::Bucket::CAN_COUNT || self.lease.is_some() {
            return Flight::Lead;
        }
        match self.cache.acquire_lease(&self.cache_key).await {
            Lease::Acquired(key) => {
                self.lease = Some(key);
                Flight::Recheck
            }
            Lease::HeldElsewhere => Flight::Follow,
            Lease::Unavailable => Flight::Lead,
        }
    }

    /// Waits a moment for the call that holds the lease.
    ///
    /// # Errors
    /// [`Error::TimedOut`] once the deadline has passed, and the holder's error if its request has failed.
    pub(super) async fn wait_for_leader(&mut self) -> Result<(), Error> {
        if !P::Bucket::CAN_COUNT {
            // Without leases no call follows another. This lets the compiler leave out the code below.
            return Ok(());
        }
        let since = *self.waiting_since.get_or_insert_with(|| self.ports.wall_time());
        let remaining = self.deadline().remaining(self.ports);
        if remaining.is_zero() {
            return Err(Error::TimedOut(Phase::Deadline));
        }
        self.ports.sleep(lease::pause(self.ports.fraction()).min(remaining)).await;
        match self.leaders_failure(since).await {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// The failure of a leader since this call began to wait at `since`.
    async fn leaders_failure(&mut self, since: UnixMilliseconds) -> Option<Error> {
        let cache_key = CacheKey::of_failure(self.configuration, &self.account_id);
        let entry = self.cache.read(&cache_key).await?;
        let failed_at = entry.header.fetched_at;
        let is_new = failed_at >= since && !is_from_the_future(failed_at, self.ports.wall_time());
        shared_failure::error(&entry).filter(|_| is_new)
    }

    /// Releases the lease, if the call holds it. The result of its request is in the cache by then.
    pub(super) async fn release_lease(&mut self) {
        if let Some(key) = self.lease.take() {
            self.cache.release_lease(&key).await;
        }
    }

    /// The entry with this failure for the followers. None if the call holds no lease, because then it has no
    /// followers, or if the failure isn't one to share.
    pub(super) fn shared_failure(&self, error: &Error) -> Option<Entry> {
        let is_followed = P::Bucket::CAN_COUNT && self.lease.is_some();
        is_followed.then(|| shared_failure::entry(error, self.ports.wall_time()))?
    }
}
