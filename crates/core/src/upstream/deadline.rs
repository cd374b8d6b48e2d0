//! The deadline: the time by which a call ends.

use crate::ports::Clock;
use core::time::Duration;

/// A time of the monotonic clock, so a change of the time of day doesn't move the deadline.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Duration);

impl Deadline {
    /// The deadline `duration` from now.
    pub fn start(clock: &impl Clock, duration: Duration) -> Self {
        Self(clock.monotonic_time().saturating_add(duration))
    }

    /// The time halfway between now and this deadline.
    #[must_use]
    pub fn halfway(&self, clock: &impl Clock) -> Self {
        Self::start(clock, self.remaining(clock) / 2)
    }

    /// The time until the deadline. Zero if the deadline has passed.
    pub fn remaining(&self, clock: &impl Clock) -> Duration {
        self.0.saturating_sub(clock.monotonic_time())
    }
}
