//! The freshness of a cached entry: whether it is used, refreshed, or expired.
//!
//! | | |
//! |---|---|
//! | `limit` | `expires_at`, else `fetched_at + max_age_without_expiry` if that is set, else never |
//! | `expiry` | the earlier of `limit` and, if `recheck` is set, `fetched_at + recheck` |
//! | `lifetime` | `expiry − fetched_at` |
//! | `margin` | `min(window, lifetime / 6) × (1 + jitter / 2)` |
//! | `jitter` | from 0 up to 1, drawn for each call |
//! | `refresh_at` | the earlier of `expiry − margin` and `next_refresh_at` |
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
//! three quarters of its lifetime.

use super::backoff::Backoff;
use crate::configuration::refresh_policy::RefreshPolicy;
use crate::timestamp::UnixMilliseconds;
use core::time::Duration;

/// How far in the future the `fetched_at` of an entry may be. The clocks of machines that share a bucket
/// differ a little.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(5);

/// The times of a cached entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// When the call that fetched the entry sent its request.
    pub fetched_at: UnixMilliseconds,
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

/// Whether `fetched_at` is later than `now` by more than the tolerance of 5 s.
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
        let by_expiry = self.expiry(policy).map(|expiry| {
            let lifetime = expiry.since(self.fetched_at);
            let margin = policy.window.min(lifetime / 6).mul_f64(1.0 + jitter / 2.0);
            expiry.before(margin)
        });
        by_expiry.into_iter().chain(self.next_refresh_at).min()
    }

    fn expiry(&self, policy: &RefreshPolicy) -> Option<UnixMilliseconds> {
        let by_age = policy.max_age_without_expiry.map(|age| self.fetched_at.after(age));
        let by_recheck = policy.recheck.map(|recheck| self.fetched_at.after(recheck));
        self.expires_at.or(by_age).into_iter().chain(by_recheck).min()
    }
}

#[cfg(test)]
mod tests {
    use super::Freshness::{Expired, Fresh, FromTheFuture, Stale};
    use super::*;
    use crate::cache::backoff::{Cause, LONGEST_BACKOFF};
    use proptest::prelude::*;

    const HOUR: i64 = 3_600_000;
    const POLICY: RefreshPolicy =
        RefreshPolicy { window: Duration::from_secs(60), max_age_without_expiry: None, recheck: None };

    fn backoff(retry_at: i64) -> Option<Backoff> {
        Some(Backoff { cause: Cause::Failed, count: 1, retry_at: UnixMilliseconds(retry_at) })
    }

    fn times(expires_at: Option<i64>) -> Times {
        Times {
            fetched_at: UnixMilliseconds(0),
            expires_at: expires_at.map(UnixMilliseconds),
            next_refresh_at: None,
            backoff: None,
        }
    }

    #[test]
    fn an_entry_goes_from_fresh_to_stale_to_expired() {
        for (lifetime, now, jitter, expected) in [
            (HOUR, 0, 0.0, Fresh),
            (HOUR, HOUR - 90_001, 1.0, Fresh),
            (HOUR, HOUR - 90_000, 1.0, Stale),
            (HOUR, HOUR - 60_001, 0.0, Fresh),
            (HOUR, HOUR - 60_000, 0.0, Stale),
            (HOUR, HOUR - 75_001, 0.5, Fresh),
            (HOUR, HOUR - 75_000, 0.5, Stale),
            (HOUR, HOUR - 1, 0.0, Stale),
            (HOUR, HOUR, 0.0, Expired),
            (HOUR, HOUR + 1, 0.0, Expired),
            // A lifetime of 60 s: the margin is a sixth of it without jitter, and a quarter with full jitter.
            (60_000, 44_999, 1.0, Fresh),
            (60_000, 45_000, 1.0, Stale),
            (60_000, 49_999, 0.0, Fresh),
            (60_000, 50_000, 0.0, Stale),
            (60_000, 60_000, 0.0, Expired),
            // Expired on arrival.
            (-1, 0, 0.0, Expired),
            (0, 0, 0.0, Expired),
        ] {
            let found = times(Some(lifetime)).freshness(&POLICY, UnixMilliseconds(now), &|| jitter);
            assert_eq!(found, expected, "lifetime {lifetime}, now {now}, jitter {jitter}");
        }
    }

    #[test]
    fn credentials_without_expiry_stay_fresh_unless_their_age_is_limited() {
        let now = UnixMilliseconds(HOUR * 24 * 365 * 50);
        assert_eq!(times(None).freshness(&POLICY, now, &|| 0.0), Fresh);
        let limited = RefreshPolicy { max_age_without_expiry: Some(Duration::from_secs(3600)), ..POLICY };
        for (now, expected) in [(HOUR - 60_001, Fresh), (HOUR - 60_000, Stale), (HOUR, Expired)] {
            assert_eq!(times(None).freshness(&limited, UnixMilliseconds(now), &|| 0.0), expected, "{now}");
            let expiring = times(Some(HOUR * 10)).freshness(&limited, UnixMilliseconds(now), &|| 0.0);
            assert_eq!(expiring, Fresh, "the limit is for credentials without expiry only");
        }
    }

    #[test]
    fn the_upstreams_own_refresh_makes_an_entry_stale() {
        let next_refresh_at = Some(UnixMilliseconds(13 * 60_000));
        for expires_at in [Some(HOUR), None] {
            let times = Times { next_refresh_at, ..times(expires_at) };
            assert_eq!(times.freshness(&POLICY, UnixMilliseconds(13 * 60_000 - 1), &|| 0.0), Fresh);
            assert_eq!(times.freshness(&POLICY, UnixMilliseconds(13 * 60_000), &|| 0.0), Stale);
        }
    }

    #[test]
    fn a_backoff_delays_a_refresh_but_not_an_expiry() {
        let times = Times { backoff: backoff(HOUR + 10), ..times(Some(HOUR)) };
        assert_eq!(times.freshness(&POLICY, UnixMilliseconds(HOUR - 1), &|| 0.0), Fresh);
        assert_eq!(times.freshness(&POLICY, UnixMilliseconds(HOUR), &|| 0.0), Expired);
        let earlier = Times { backoff: backoff(HOUR - 10), ..times };
        assert_eq!(earlier.freshness(&POLICY, UnixMilliseconds(HOUR - 10), &|| 0.0), Stale);
    }

    #[test]
    fn a_clock_that_steps_back_does_not_prolong_a_backoff() {
        let backoff = backoff(HOUR - 1);
        let times = Times { backoff, next_refresh_at: Some(UnixMilliseconds(0)), ..times(Some(HOUR)) };
        let longest = LONGEST_BACKOFF.as_millis() as i64;
        assert_eq!(times.freshness(&POLICY, UnixMilliseconds(HOUR - 1 - longest), &|| 0.0), Fresh);
        assert_eq!(times.freshness(&POLICY, UnixMilliseconds(HOUR - 2 - longest), &|| 0.0), Stale);
    }

    #[test]
    fn an_entry_from_the_future_is_not_trusted_beyond_a_tolerance() {
        assert_eq!(times(Some(HOUR)).freshness(&POLICY, UnixMilliseconds(-5000), &|| 0.0), Fresh);
        assert_eq!(times(Some(HOUR)).freshness(&POLICY, UnixMilliseconds(-5001), &|| 0.0), FromTheFuture);
        assert_eq!(times(None).freshness(&POLICY, UnixMilliseconds(-HOUR), &|| 0.0), FromTheFuture);
    }

    #[test]
    fn jitter_is_not_drawn_before_the_earliest_refresh() {
        let jitter = &|| panic!("jitter was drawn");
        assert_eq!(times(Some(HOUR)).freshness(&POLICY, UnixMilliseconds(HOUR / 2), jitter), Fresh);
    }

    #[test]
    fn refresh_at_is_the_earlier_of_the_margin_before_expiry_and_the_upstreams_refresh() {
        let refresh_at = |times: Times, jitter| times.refresh_at(&POLICY, jitter).map(|time| time.0);
        assert_eq!(refresh_at(times(Some(HOUR)), 0.0), Some(HOUR - 60_000));
        assert_eq!(refresh_at(times(Some(HOUR)), 1.0), Some(HOUR - 90_000));
        let next_refresh_at = Some(UnixMilliseconds(HOUR - 70_000));
        let refreshed = Times { next_refresh_at, ..times(Some(HOUR)) };
        assert_eq!(refresh_at(refreshed, 0.0), Some(HOUR - 70_000));
        assert_eq!(refresh_at(refreshed, 1.0), Some(HOUR - 90_000));
        assert_eq!(refresh_at(times(None), 1.0), None);
    }

    proptest! {
        #[test]
        fn no_entry_is_used_from_its_expiry_on(
            fetched_at: i64,
            expires_at: i64,
            next: Option<i64>,
            retry: Option<i64>,
            now: i64,
            jitter in 0.0..1.0
        ) {
            let times = Times {
                fetched_at: UnixMilliseconds(fetched_at),
                expires_at: Some(UnixMilliseconds(expires_at)),
                next_refresh_at: next.map(UnixMilliseconds),
                backoff: retry.and_then(backoff),
            };
            let found = times.freshness(&POLICY, UnixMilliseconds(now), &|| jitter);
            if now >= expires_at {
                prop_assert!(matches!(found, Expired | FromTheFuture));
            }
        }

        #[test]
        fn three_quarters_of_a_lifetime_are_used(lifetime in 1_i64..10_000_000, jitter in 0.0..1.0) {
            let now = UnixMilliseconds(lifetime * 3 / 4 - 1);
            prop_assume!(now.0 >= 0);
            prop_assert_eq!(times(Some(lifetime)).freshness(&POLICY, now, &|| jitter), Fresh);
        }
    }
}
