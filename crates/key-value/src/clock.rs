//! When entries expire.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Tells the time of day, by which entries in memory and in a file expire. Redis and NATS have clocks of their own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl Clock {
    /// The clock of the system.
    pub fn system() -> Self {
        Self(Arc::new(SystemTime::now))
    }

    /// A clock that shows what `now` says.
    pub fn from_fn(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }
}

/// A clock, and how long entries live by it.
#[derive(Clone)]
pub(crate) struct Lifetimes {
    clock: Clock,
    retention: Duration,
}

impl Lifetimes {
    pub(crate) fn new(clock: Clock, retention: Duration) -> Self {
        Self { clock, retention }
    }

    /// How long an entry lives.
    pub(crate) fn retention(&self) -> Duration {
        self.retention
    }

    /// The Unix time in whole seconds.
    pub(crate) fn now(&self) -> u64 {
        (self.clock.0)().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }

    /// The Unix second in which an entry that is written at the second `now` is gone: the retention later, and one more
    /// for the part of a second that `now` leaves out.
    pub(crate) fn expiry(&self, now: u64) -> u64 {
        now + self.retention.as_secs() + 1
    }
}
