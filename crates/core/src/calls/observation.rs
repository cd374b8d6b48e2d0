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
