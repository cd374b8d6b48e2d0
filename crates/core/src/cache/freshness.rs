//! The freshness of a cached entry: whether it is used, refreshed, or expired.
//!
//! | | |
//! |---|---|
//! | `limit` | `expires_at`, else `fetched_at + max_age_without_expiry` if that is set, else never |
//! | `recheck_at` | `fetched_at + recheck` if `recheck` is set, else never |
//! | `expiry` | the earlier of `limit` and `recheck_at` |
//! | `margin` of an end | `min(window, (end − begin) / 6) × (1 + jitter / 2)` |
//! | `begin` | `first_fetched_at` for `expires_at`, else `fetched_at` |
//! | `jitter` | from 0 up to 1, drawn for each call |
//! | `refresh_at` | the earliest of `limit − margin`, `recheck_at − margin` and `next_refresh_at` |
//!
//! | at `now` | the entry is |
//! |---|---|
//! | before `refresh_at` | fresh (RFC 9111, section 4.2) |
//! | from `refresh_at` on | stale: to be refreshed, and used if that fails (RFC 5861, section 4) |
//! | during a backoff | fresh: the entry is used without a refresh |
//! | from `expiry` on | expired: never used, not even during a backoff |
//!
//! RFC 9111 calls a response stale from its expiry on. Here an entry is stale before its expiry already,
//! because an expired token is of no use.
//!
//! The instances that share an entry draw different jitter, so they don't reach `refresh_at` all at once. The
//! margin is at most a quarter of the lifetime. So without a `next_refresh_at` a token is used for at least
//! three quarters of its lifetime. The lifetime begins when the token was first fetched: a refresh that
//! brings the same token again doesn't make its margin smaller.

use super::backoff::Backoff;
use crate::configuration::refresh_policy::RefreshPolicy;
use crate::timestamp::UnixMilliseconds;
use core::time::Duration;

/// How far in the future the `fetched_at` of an entry may be. The clocks of hosts that share a bucket differ.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(20);

/// The times of a cached entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// When the call that fetched the entry sent its request.
    pub fetched_at: UnixMilliseconds,
    /// When the call that was the first to fetch this token sent its request.
    pub first_fetched_at: UnixMilliseconds,
    /// When the entry expires.
    pub expires_at: Option<UnixMilliseconds>,
    /// When the upstream refreshes the account's token, which can revoke the present one.
    pub next_refresh_at: Option<UnixMilliseconds>,
    /// The backoff. While it is on, an entry that has not expired is not refreshed.
    pub backoff: Option<Backoff>,
}

/// The freshness of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// The entry is used without a refresh.
    Fresh,
    /// The entry is to be refreshed. If that fails, it is used.
    Stale,
    /// The entry is never used again.
    Expired,
    /// The entry's `fetched_at` is later than now. The clock has stepped back, and the entry's age is
    /// unknown.
    FromTheFuture,
}

/// Whether `fetched_at` is later than `now` by more than the tolerance of 20 s.
pub fn is_from_the_future(fetched_at: UnixMilliseconds, now: UnixMilliseconds) -> bool {
    fetched_at > now.after(CLOCK_TOLERANCE)
}

impl Times {
    /// The freshness of the entry at `now`. `jitter` gives a number from 0 up to 1. It is drawn only if the
    /// earliest possible `refresh_at` has passed.
    pub fn freshness(
        &self,
        policy: &RefreshPolicy,
        now: UnixMilliseconds,
        jitter: &dyn Fn() -> f64,
    ) -> Freshness {
        if is_from_the_future(self.fetched_at, now) {
            return Freshness::FromTheFuture;
        }
        if self.expiry(policy).is_some_and(|expiry| now >= expiry) {
            return Freshness::Expired;
        }
        let is_backed_off = self.backoff.is_some_and(|backoff| backoff.is_on(now));
        let is_reached = |jitter| self.refresh_at(policy, jitter).is_some_and(|refresh_at| now >= refresh_at);
        if !is_backed_off && is_reached(1.0) && is_reached(jitter()) {
            return Freshness::Stale;
        }
        Freshness::Fresh
    }

    /// The time from which the entry is stale. None if it stays fresh forever. More jitter makes it earlier.
    pub fn refresh_at(&self, policy: &RefreshPolicy, jitter: f64) -> Option<UnixMilliseconds> {
        let before = |end: UnixMilliseconds, begin| {
            let margin = policy.window.min(end.since(begin) / 6).mul_f64(1.0 + jitter / 2.0);
            end.before(margin)
        };
        let by_expiry = self.expires_at.map(|expires_at| before(expires_at, self.first_fetched_at));
        let by_age = self.latest_age(policy).map(|end| before(end, self.fetched_at));
        let by_recheck = self.recheck_at(policy).map(|end| before(end, self.fetched_at));
        [by_expiry.or(by_age), by_recheck, self.next_refresh_at].into_iter().flatten().min()
    }

    /// The time until which a caller can keep the entry without a call. None: for ever. It is the earliest
    /// `refresh_at`, or the end of a backoff.
    pub fn fresh_until(&self, policy: &RefreshPolicy, now: UnixMilliseconds) -> Option<UnixMilliseconds> {
        let refresh_at = self.refresh_at(policy, 1.0);
        let retry_at = self.backoff.filter(|backoff| backoff.is_on(now)).map(|backoff| backoff.retry_at);
        let until = refresh_at.max(retry_at.filter(|_| refresh_at.is_some()));
        until.into_iter().chain(self.expiry(policy)).min()
    }

    fn expiry(&self, policy: &RefreshPolicy) -> Option<UnixMilliseconds> {
        let limit = self.expires_at.or(self.latest_age(policy));
        limit.into_iter().chain(self.recheck_at(policy)).min()
    }

    fn latest_age(&self, policy: &RefreshPolicy) -> Option<UnixMilliseconds> {
        policy.max_age_without_expiry.map(|age| self.fetched_at.after(age))
    }

    fn recheck_at(&self, policy: &RefreshPolicy) -> Option<UnixMilliseconds> {
        policy.recheck.map(|recheck| self.fetched_at.after(recheck))
    }
}

#[cfg(test)]
mod tests;
