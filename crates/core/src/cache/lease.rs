//! The lease: the right to ask the upstream about one cache key, which at most one call holds at a time.
//!
//! A lease makes a single flight. Of the calls that find an entry missing at the same time, in any instance
//! on any host, the one that acquires the lease asks the upstream. The other calls wait for its result.
//!
//! A lease is a number in the store, which all calls increment:
//!
//! | bits | |
//! |---|---|
//! | 0 to 23 | how many attempts to acquire the lease there were since the number exists |
//! | 24 to 62 | the beat: a time of the holder, in tenths of a second since 1970; zero before the first beat |
//!
//! - **Acquire.** A call increments the number by one. The call that gets one holds the lease.
//! - **Renew.** The holder advances the beat at once, and then each [`Timing::beat`].
//! - **Release.** The holder deletes the number.
//! - **A dead holder** doesn't advance the beat. A waiting call that has seen the same beat for
//!   [`Timing::silence`], by its own monotonic clock, deletes the number. Then the calls compete anew. So the
//!   clocks of hosts can differ by any amount.
//! - **A broken store** can say for ever that another call holds the lease. A call that has waited for
//!   [`Timing::slice`] without a live holder and without a result asks the upstream without a lease.
//!
//! A call with stale credentials doesn't wait, so it can't tell by itself whether a holder is silent. If the
//! beat is a slice away from the call's clock, one call of many becomes the observer: it waits until the beat
//! advances, until the holder has a result, or until the silence is long enough. A second number elects the
//! observer.
//!
//! All of this needs nothing of a store but an atomic increment (`wasi:keyvalue/atomics`), which every store
//! of the broker has. Where the host has no atomic increment, each call asks the upstream.

use super::key::CacheKey;
use crate::timestamp::UnixMilliseconds;
use alloc::string::String;
use core::time::Duration;

/// The number of bits that count attempts.
const ATTEMPT_BITS: u32 = 24;

/// Of this many calls that try to become the observer, one succeeds although an earlier observer has died.
const ELECTION: u64 = 64;

/// The times of a lease, in proportion to a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The longest time that a call waits without a live holder and without a result.
    pub slice: Duration,
    /// The time without a beat after which a holder counts as dead.
    pub silence: Duration,
    /// The time between two beats.
    pub beat: Duration,
}

impl Timing {
    /// The times for calls with this deadline: a slice is 10 s, or half of a shorter deadline. The other
    /// times are six tenths and a fifth of a slice.
    pub fn of(deadline: Duration) -> Self {
        let slice = Duration::from_secs(10).min(deadline / 2);
        Self { slice, silence: slice * 6 / 10, beat: slice / 5 }
    }
}

/// The number that stands for a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub struct LeaseNumber(pub u64);

impl LeaseNumber {
    /// Whether the call that got this number holds the lease.
    pub fn is_acquired(self) -> bool {
        self.0 == 1
    }

    /// How many attempts to acquire the lease there were since the number exists.
    pub fn attempts(self) -> u64 {
        self.0 % (1 << ATTEMPT_BITS)
    }

    /// Whether calls besides the holder have tried to acquire the lease.
    pub fn is_followed(self) -> bool {
        self.attempts() > 1
    }

    /// The last beat of the holder. None before its first one.
    pub fn beat(self) -> Option<Beat> {
        Some(Beat(self.0 >> ATTEMPT_BITS)).filter(|beat| beat.0 > 0)
    }
}

/// A beat: a time of the holder of a lease, in tenths of a second since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat(u64);

impl Beat {
    /// The beat after `previous` at `now`, and the number to add to the number of the lease for it. A beat is
    /// later than the previous one in any case, also if the clock has stepped back.
    pub fn next(previous: Option<Self>, now: UnixMilliseconds) -> (Self, u64) {
        let previous = previous.map_or(0, |beat| beat.0);
        let next = tenths(now).max(previous + 1);
        (Self(next), (next - previous) << ATTEMPT_BITS)
    }

    /// The time between this beat and `now`, whichever is later.
    pub fn distance(self, now: UnixMilliseconds) -> Duration {
        Duration::from_millis(100)
            .saturating_mul(u32::try_from(tenths(now).abs_diff(self.0)).unwrap_or(u32::MAX))
    }
}

fn tenths(time: UnixMilliseconds) -> u64 {
    u64::try_from(time.0 / 100).unwrap_or(0)
}

/// The end of the keys of all numbers here. A store that belongs to one process can keep them in memory.
pub const KEY_SUFFIX: &str = ".lease";

/// The key of the number that stands for the lease of `cache_key`.
pub fn key(cache_key: &CacheKey) -> String {
    [cache_key.store_key(), KEY_SUFFIX].concat()
}

/// The key of the number that elects the observer of the lease under this key.
pub fn election_key(key: &str) -> String {
    ["observer.", key].concat()
}

/// Whether the call that got this number of the election is the observer.
pub fn is_elected(number: u64) -> bool {
    number % ELECTION == 1
}

/// The pause between two lookups of a waiting call: 20 ms, and up to 60 ms more. The jitter, from 0 up to 1,
/// keeps the waiting calls from reading the store at the same moment.
pub fn pause(jitter: f64) -> Duration {
    Duration::from_millis(20) + Duration::from_millis(60).mul_f64(jitter)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMilliseconds = UnixMilliseconds(1_767_225_600_123);

    #[test]
    fn a_number_holds_the_beat_and_the_attempts() {
        let first = LeaseNumber(1);
        assert!(first.is_acquired() && !first.is_followed());
        assert_eq!(first.beat(), None);
        let (beat, delta) = Beat::next(None, NOW);
        let renewed = LeaseNumber(first.0 + delta);
        assert_eq!(renewed.beat(), Some(beat));
        assert!(!renewed.is_acquired() && !renewed.is_followed());
        let followed = LeaseNumber(renewed.0 + 1);
        assert!(followed.is_followed() && followed.beat() == Some(beat));
        // The number stays in the range of signed 64-bit integers, which some stores have.
        assert!(i64::try_from(Beat::next(None, UnixMilliseconds(253_402_300_799_999)).1).is_ok());
    }

    #[test]
    fn a_beat_is_later_than_the_previous_one_even_if_the_clock_steps_back() {
        let (beat, _) = Beat::next(None, NOW);
        let (next, delta) = Beat::next(Some(beat), NOW.after(Duration::from_secs(2)));
        assert_eq!((next.0 - beat.0, delta), (20, 20 << ATTEMPT_BITS));
        let (next, delta) = Beat::next(Some(beat), NOW.before(Duration::from_secs(60)));
        assert_eq!((next.0 - beat.0, delta), (1, 1 << ATTEMPT_BITS));
        assert_eq!(Beat::next(None, UnixMilliseconds(-5)).0, Beat(1));
    }

    #[test]
    fn the_distance_of_a_beat_counts_in_both_directions() {
        let (beat, _) = Beat::next(None, NOW);
        let distances = [NOW, NOW.after(Duration::from_secs(7)), NOW.before(Duration::from_secs(7))];
        assert_eq!(distances.map(|now| beat.distance(now).as_secs()), [0, 7, 7]);
    }

    #[test]
    fn the_times_fit_into_a_short_deadline() {
        let seconds = Duration::from_secs;
        let long = Timing { slice: seconds(10), silence: seconds(6), beat: seconds(2) };
        assert_eq!(Timing::of(seconds(30)), long);
        assert_eq!(Timing::of(seconds(20)), long);
        let short = Timing::of(seconds(10));
        assert_eq!((short.slice, short.silence, short.beat), (seconds(5), seconds(3), seconds(1)));
    }

    #[test]
    fn all_keys_have_the_suffix_that_stores_know() {
        let cache_key = CacheKey { slot: None, digest: "a".to_owned(), associated_data: Vec::new() };
        let key = key(&cache_key);
        assert_eq!((key.as_str(), election_key(&key).as_str()), ("a.lease", "observer.a.lease"));
    }

    #[test]
    fn one_call_in_64_is_elected() {
        let elected: Vec<_> = (1..200).filter(|number| is_elected(*number)).collect();
        assert_eq!(elected, [1, 65, 129, 193]);
    }

    #[test]
    fn a_pause_is_from_20_to_80_ms() {
        assert_eq!([0.0, 1.0].map(|jitter| pause(jitter).as_millis()), [20, 80]);
    }
}
