//! Tests of the freshness.

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
        first_fetched_at: UnixMilliseconds(0),
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
    assert_eq!(times(Some(HOUR)).freshness(&POLICY, UnixMilliseconds(-20_000), &|| 0.0), Fresh);
    assert_eq!(times(Some(HOUR)).freshness(&POLICY, UnixMilliseconds(-20_001), &|| 0.0), FromTheFuture);
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

#[test]
fn a_token_that_is_fetched_again_keeps_its_margin() {
    let again = Times { fetched_at: UnixMilliseconds(HOUR - 75_000), ..times(Some(HOUR)) };
    assert_eq!(again.refresh_at(&POLICY, 0.0), Some(UnixMilliseconds(HOUR - 60_000)));
    assert_eq!(again.freshness(&POLICY, UnixMilliseconds(HOUR - 55_000), &|| 0.0), Stale);
    // A token that is new at this time has a lifetime of 75 s, and a margin of a sixth of it.
    let new = Times { first_fetched_at: again.fetched_at, ..again };
    assert_eq!(new.freshness(&POLICY, UnixMilliseconds(HOUR - 55_000), &|| 0.0), Fresh);
    assert_eq!(new.refresh_at(&POLICY, 0.0), Some(UnixMilliseconds(HOUR - 12_500)));
}

#[test]
fn a_recheck_limits_the_use_of_every_token() {
    let policy = RefreshPolicy { recheck: Some(Duration::from_secs(300)), ..POLICY };
    for (times, now, expected) in [
        (times(None), 249_999, Fresh),
        (times(None), 250_000, Stale),
        (times(Some(HOUR)), 299_999, Stale),
        (times(Some(HOUR)), 300_000, Expired),
        (times(Some(120_000)), 100_000, Stale),
        (times(Some(120_000)), 120_000, Expired),
    ] {
        assert_eq!(times.freshness(&policy, UnixMilliseconds(now), &|| 0.0), expected, "{times:?} {now}");
    }
}

#[test]
fn credentials_are_fresh_until_the_earliest_refresh_or_the_end_of_a_backoff() {
    let until = |times: Times, now| times.fresh_until(&POLICY, UnixMilliseconds(now)).map(|time| time.0);
    assert_eq!(until(times(None), 0), None);
    assert_eq!(until(times(Some(HOUR)), 0), Some(HOUR - 90_000));
    let backed_off = Times { backoff: backoff(HOUR - 30_000), ..times(Some(HOUR)) };
    assert_eq!(until(backed_off, HOUR - 50_000), Some(HOUR - 30_000));
    assert_eq!(until(backed_off, HOUR - 30_000), Some(HOUR - 90_000));
    let beyond_expiry = Times { backoff: backoff(HOUR + 30_000), ..times(Some(HOUR)) };
    assert_eq!(until(beyond_expiry, HOUR - 50_000), Some(HOUR));
    assert_eq!(until(Times { backoff: backoff(30_000), ..times(None) }, 0), None);
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
            first_fetched_at: UnixMilliseconds(fetched_at),
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
