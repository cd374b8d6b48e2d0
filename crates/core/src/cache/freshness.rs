//! When cached credentials are used, when they are refreshed, and when they are of no more use.
//!
//! | | |
//! |---|---|
//! | expiry | `expires_at`, else `fetched_at + max_age_without_expiry` if that is set, else never; and at most `fetched_at + recheck` if that is set |
//! | life | `expiry − fetched_at` |
//! | lead | `min(window, life / 6) × (1 + jitter / 2)`, jitter from 0 up to 1, drawn for each call |
//! | soft deadline | the earlier of `expiry − lead` and `next_refresh_at` |
//!
//! Before the soft deadline an entry is fresh; from there on it is due, and still serves if the refresh
//! fails, after which it counts as fresh for the time that the next refresh is put off; at its expiry it has expired and never serves again. The jitter lets the instances that share
//! an entry reach its soft deadline one after the other. However short its life, a token is used for three
//! quarters of it.

use super::backoff::Backoff;
use crate::configuration::refresh_policy::RefreshPolicy;
use crate::timestamp::UnixMilliseconds;
use core::time::Duration;

/// How far an entry may come from the future: the clocks of machines that share a bucket differ a little.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(5);

/// The times of a cached entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// When it was fetched.
    pub fetched_at: UnixMilliseconds,
    /// When it expires.
    pub expires_at: Option<UnixMilliseconds>,
    /// When the upstream means to replace it.
    pub next_refresh_at: Option<UnixMilliseconds>,
    /// While this is on the upstream is not asked again, unless the entry has expired.
    pub backoff: Option<Backoff>,
}

/// What an entry is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// It serves.
    Fresh,
    /// It is to be refreshed, and serves if that fails.
    Stale,
    /// It never serves again.
    Expired,
    /// It was fetched later than now, so the clock has stepped back and the entry's age is not known.
    FromTheFuture,
}

/// Whether what was fetched then was fetched later than `now`, by more than clocks differ.
pub fn is_from_the_future(fetched_at: UnixMilliseconds, now: UnixMilliseconds) -> bool {
    fetched_at > now.after(CLOCK_TOLERANCE)
}

impl Times {
    /// What the entry is good for at `now`. `jitter` gives a number from 0 up to 1; it is asked only close
    /// to the expiry.
    pub fn freshness(
        &self,
        policy: &RefreshPolicy,
        now: UnixMilliseconds,
        jitter: &dyn Fn() -> f64,
    ) -> Freshness {
        if is_from_the_future(self.fetched_at, now) {
            return Freshness::FromTheFuture;
        }
        let expiry = self.expiry(policy);
        if expiry.is_some_and(|expiry| now >= expiry) {
            return Freshness::Expired;
        }
        let is_backed_off = self.backoff.is_some_and(|backoff| backoff.is_on(now));
        if !is_backed_off && (self.is_replaced_at(now) || self.is_in_window(expiry, policy, now, jitter)) {
            return Freshness::Stale;
        }
        Freshness::Fresh
    }

    fn expiry(&self, policy: &RefreshPolicy) -> Option<UnixMilliseconds> {
        let by_age = policy.max_age_without_expiry.map(|age| self.fetched_at.after(age));
        let by_recheck = policy.recheck.map(|recheck| self.fetched_at.after(recheck));
        self.expires_at.or(by_age).into_iter().chain(by_recheck).min()
    }

    fn is_replaced_at(&self, now: UnixMilliseconds) -> bool {
        self.next_refresh_at.is_some_and(|next_refresh_at| now >= next_refresh_at)
    }

    fn is_in_window(
        &self,
        expiry: Option<UnixMilliseconds>,
        policy: &RefreshPolicy,
        now: UnixMilliseconds,
        jitter: &dyn Fn() -> f64,
    ) -> bool {
        let Some(expiry) = expiry else { return false };
        let life = expiry.since(self.fetched_at);
        let lead = |jitter: f64| policy.window.min(life / 6).mul_f64(1.0 + jitter / 2.0);
        now >= expiry.before(lead(1.0)) && now >= expiry.before(lead(jitter()))
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
    fn an_entry_goes_from_fresh_to_due_to_expired() {
        for (life, now, jitter, expected) in [
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
            // A life of 60 s: the window is a sixth of it, and with all of the jitter a quarter.
            (60_000, 44_999, 1.0, Fresh),
            (60_000, 45_000, 1.0, Stale),
            (60_000, 49_999, 0.0, Fresh),
            (60_000, 50_000, 0.0, Stale),
            (60_000, 60_000, 0.0, Expired),
            // Expired when it came.
            (-1, 0, 0.0, Expired),
            (0, 0, 0.0, Expired),
        ] {
            let found = times(Some(life)).freshness(&POLICY, UnixMilliseconds(now), &|| jitter);
            assert_eq!(found, expected, "life {life}, now {now}, jitter {jitter}");
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
    fn the_upstreams_own_refresh_makes_an_entry_due() {
        let next_refresh_at = Some(UnixMilliseconds(13 * 60_000));
        for expires_at in [Some(HOUR), None] {
            let times = Times { next_refresh_at, ..times(expires_at) };
            assert_eq!(times.freshness(&POLICY, UnixMilliseconds(13 * 60_000 - 1), &|| 0.0), Fresh);
            assert_eq!(times.freshness(&POLICY, UnixMilliseconds(13 * 60_000), &|| 0.0), Stale);
        }
    }

    #[test]
    fn a_put_off_refresh_waits_but_an_expired_entry_does_not() {
        let times = Times { backoff: backoff(HOUR + 10), ..times(Some(HOUR)) };
        assert_eq!(times.freshness(&POLICY, UnixMilliseconds(HOUR - 1), &|| 0.0), Fresh);
        assert_eq!(times.freshness(&POLICY, UnixMilliseconds(HOUR), &|| 0.0), Expired);
        let earlier = Times { backoff: backoff(HOUR - 10), ..times };
        assert_eq!(earlier.freshness(&POLICY, UnixMilliseconds(HOUR - 10), &|| 0.0), Stale);
    }

    #[test]
    fn a_refresh_is_not_put_off_for_long_by_a_clock_that_stepped_back() {
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
    fn entropy_is_not_asked_outside_the_window() {
        let asked = &|| panic!("asked for jitter");
        assert_eq!(times(Some(HOUR)).freshness(&POLICY, UnixMilliseconds(HOUR / 2), asked), Fresh);
    }

    proptest! {
        #[test]
        fn nothing_serves_at_or_after_its_expiry(
            fetched_at: i64, expires_at: i64, next: Option<i64>, retry: Option<i64>, now: i64, jitter in 0.0..1.0
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
        fn three_quarters_of_a_life_are_used(life in 1_i64..10_000_000, jitter in 0.0..1.0) {
            let now = UnixMilliseconds(life * 3 / 4 - 1);
            prop_assume!(now.0 >= 0);
            prop_assert_eq!(times(Some(life)).freshness(&POLICY, now, &|| jitter), Fresh);
        }
    }
}
