//! The observation of a lease that another call holds: whether its holder is alive.

use crate::cache::lease::{Beat, LeaseNumber, Timing};
use crate::timestamp::UnixMilliseconds;
use core::time::Duration;

/// What a waiting call has seen of a lease. All times are of the call's monotonic clock.
pub(super) struct Observation {
    began_at: Duration,
    /// The beat that the call saw first.
    first_beat: Option<Beat>,
    /// The number of the last look.
    last: LeaseNumber,
    /// When the beat last changed.
    changed_at: Duration,
    /// How many holders have ended without a result for this call.
    ended_holders: u32,
    /// Whether the store has lost an increment of this call.
    is_store_broken: bool,
}

impl Observation {
    /// The observation of a call that sees the lease for the first time.
    pub(super) fn begin(number: LeaseNumber, now: Duration) -> Self {
        Self {
            began_at: now,
            first_beat: number.beat(),
            last: number,
            changed_at: now,
            ended_holders: 0,
            is_store_broken: false,
        }
    }

    /// Records another look.
    pub(super) fn look(&mut self, number: LeaseNumber, now: Duration) {
        // The number of one holder only rises, at least by the increment of this call.
        self.ended_holders += u32::from(number.attempts() < self.last.attempts());
        self.is_store_broken |= number == self.last;
        if number.beat() != self.last.beat() {
            self.changed_at = now;
        }
        self.last = number;
    }

    /// Records that the number of a dead holder is deleted.
    pub(super) fn reset(&mut self, now: Duration) {
        self.changed_at = now;
        self.last = LeaseNumber(0);
    }

    /// Whether the holder has been silent for so long that it counts as dead. The first beat follows at once.
    pub(super) fn is_silent(&self, timing: &Timing, now: Duration) -> bool {
        let longest = if self.last.beat().is_none() { timing.beat } else { timing.silence };
        now.saturating_sub(self.changed_at) >= longest
    }

    /// Whether the call asks the upstream without the lease: the store can't count, or the call has waited
    /// for a slice, and the holder is silent or at least the third one. One holder can die.
    pub(super) fn is_abandoned(&self, timing: &Timing, now: Duration) -> bool {
        let has_waited = now.saturating_sub(self.began_at) >= timing.slice;
        self.is_store_broken || (has_waited && (self.ended_holders > 1 || self.is_silent(timing, now)))
    }

    /// Whether the store gives the same number under every key.
    pub(super) fn is_same(&self, number: LeaseNumber) -> bool {
        number == self.last
    }

    /// Whether the holder has not beaten yet.
    pub(super) fn is_new(&self) -> bool {
        self.last.beat().is_none()
    }

    /// Whether the beat is far from the call's clock: the holder is dead, or its clock differs.
    pub(super) fn is_suspect(&self, timing: &Timing, now: UnixMilliseconds) -> bool {
        self.last.beat().is_some_and(|beat| beat.distance(now) >= timing.beat * 2)
    }

    /// Whether the holder has beaten since the first look.
    pub(super) fn has_beaten(&self) -> bool {
        self.last.beat() != self.first_beat
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(77);

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// A slice of 10 s, a silence of 6 s and a beat of 2 s.
    fn timing() -> Timing {
        Timing::of(Duration::from_secs(30))
    }

    /// The number after these attempts, with the last beat at this many tenths of a second since 1970.
    fn number(beat: u64, attempts: u64) -> LeaseNumber {
        LeaseNumber((beat << 24) + attempts)
    }

    #[test]
    fn a_holder_is_silent_without_a_beat() {
        let mut observation = Observation::begin(number(50, 2), START);
        assert!(!observation.is_silent(&timing(), START + ms(5_999)));
        assert!(observation.is_silent(&timing(), START + ms(6_000)));
        observation.look(number(50, 3), START + ms(1_000));
        assert!(observation.is_silent(&timing(), START + ms(6_000)));
        observation.look(number(70, 4), START + ms(2_000));
        assert!(!observation.is_silent(&timing(), START + ms(7_999)));
        assert!(observation.is_silent(&timing(), START + ms(8_000)));
    }

    /// A holder that is alive beats right after it has acquired the lease.
    #[test]
    fn the_first_beat_is_expected_sooner() {
        let observation = Observation::begin(number(0, 2), START);
        assert!(observation.is_new());
        assert!(!observation.is_silent(&timing(), START + ms(1_999)));
        assert!(observation.is_silent(&timing(), START + ms(2_000)));
    }

    #[test]
    fn the_number_of_a_dead_holder_is_forgotten() {
        let mut observation = Observation::begin(number(50, 9), START);
        observation.reset(START + ms(6_000));
        assert!(observation.is_new() && !observation.is_silent(&timing(), START + ms(7_999)));
        observation.look(number(0, 2), START + ms(6_001));
        // The call itself has ended that holder.
        assert!(!observation.is_abandoned(&timing(), START + ms(7_000)));
    }

    #[test]
    fn a_store_that_loses_an_increment_is_abandoned_at_once() {
        let mut observation = Observation::begin(number(50, 2), START);
        observation.look(number(50, 3), START);
        assert!(!observation.is_abandoned(&timing(), START));
        observation.look(number(50, 3), START);
        assert!(observation.is_abandoned(&timing(), START));
        observation.look(number(50, 4), START);
        assert!(observation.is_abandoned(&timing(), START));
    }

    #[test]
    fn a_silent_holder_is_abandoned_after_a_slice() {
        let observation = Observation::begin(number(50, 2), START);
        assert!(!observation.is_abandoned(&timing(), START + ms(9_999)));
        assert!(observation.is_abandoned(&timing(), START + ms(10_000)));
    }

    #[test]
    fn the_third_holder_without_a_result_is_abandoned_after_a_slice() {
        let mut observation = Observation::begin(number(50, 2), START);
        // The same holder goes on, and two others follow.
        for (beat, attempts, ended) in
            [(60, 3, 0), (70, 3, 0), (80, 2, 1), (81, 3, 1), (90, 2, 2), (99, 3, 2)]
        {
            observation.look(number(beat, attempts), START + ms(9_000));
            assert_eq!(observation.ended_holders, ended);
            assert!(!observation.is_abandoned(&timing(), START + ms(9_999)));
            assert_eq!(observation.is_abandoned(&timing(), START + ms(10_000)), ended == 2, "{beat}");
        }
    }

    #[test]
    fn a_beat_far_from_the_clock_is_suspect() {
        let mut observation = Observation::begin(number(1_000, 2), START);
        for (now, is_suspect) in
            [(100_000, false), (103_999, false), (104_000, true), (96_100, false), (96_000, true)]
        {
            assert_eq!(observation.is_suspect(&timing(), UnixMilliseconds(now)), is_suspect, "{now}");
        }
        assert!(!observation.has_beaten() && !observation.is_new());
        assert!(observation.is_same(number(1_000, 2)) && !observation.is_same(number(1_000, 3)));
        observation.look(number(1_020, 3), START);
        assert!(observation.has_beaten());
        assert!(!Observation::begin(number(0, 2), START).is_suspect(&timing(), UnixMilliseconds(9_999_999)));
    }
}
