//! The clock of the stores in memory and in a file, and the expiry of entries.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A clock that tells the time of day. Entries in memory and in a file expire by it. Redis and NATS have
/// clocks of their own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl Clock {
    /// The clock of the system.
    pub fn system() -> Self {
        Self(Arc::new(SystemTime::now))
    }

    /// A clock that reads its time from `now`.
    pub fn from_fn(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }
}

/// A clock and the retention of entries.
#[derive(Clone)]
pub(crate) struct Lifetimes {
    clock: Clock,
    retention: Duration,
}

impl Lifetimes {
    pub(crate) fn new(clock: Clock, retention: Duration) -> Self {
        Self { clock, retention }
    }

    /// How long an entry lives after its last write.
    #[cfg(feature = "file")]
    pub(crate) fn retention(&self) -> Duration {
        self.retention
    }

    /// The Unix time in whole seconds.
    pub(crate) fn now(&self) -> u64 {
        (self.clock.0)().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }

    /// The Unix second at which an entry that is written at `now` expires: `now` + the retention + 1 s. The
    /// extra second makes up for the fraction that `now` leaves out.
    pub(crate) fn expiry(&self, now: u64) -> u64 {
        now + self.retention.as_secs() + 1
    }
}
