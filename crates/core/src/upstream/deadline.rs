//! The time by which a call has to end.

use crate::ports::Clock;
use core::time::Duration;

/// A moment of the monotonic clock: setting the time of day doesn't move it.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Duration);

impl Deadline {
    /// The moment `allowed` from now.
    pub fn start(clock: &impl Clock, allowed: Duration) -> Self {
        Self(clock.monotonic_time().saturating_add(allowed))
    }

    /// The moment halfway from now: for work that the call can do without.
    #[must_use]
    pub fn halfway(&self, clock: &impl Clock) -> Self {
        Self::start(clock, self.remaining(clock) / 2)
    }

    /// How much time is left; zero once it has passed.
    pub fn remaining(&self, clock: &impl Clock) -> Duration {
        self.0.saturating_sub(clock.monotonic_time())
    }
}
