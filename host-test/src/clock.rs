//! The clock of a test: an implementation of `wasi:clocks` that the test sets.

use crate::lock;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

/// A wall clock and a monotonic clock that a test can move. Clones are the same clock.
///
/// Both clocks run with tokio's time. In a test with paused time, they move only while all tasks wait, by
/// exactly the time that tokio skips.
///
/// A test that moves this clock does not end a sleep. Timers belong to tokio, and `tokio::time::advance`
/// moves them.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Mutex<Reading>>);

#[derive(Debug)]
struct Reading {
    /// The wall clock's time since 1970, at the instant `set_at`.
    wall: Duration,
    set_at: Instant,
    /// The time that `advance` has added to the monotonic clock.
    skipped: Duration,
    started_at: Instant,
}

impl Reading {
    fn wall(&self) -> Duration {
        self.wall + self.set_at.elapsed()
    }

    fn set_wall(&mut self, wall: Duration) {
        self.wall = wall;
        self.set_at = Instant::now();
    }
}

impl Clock {
    /// Creates a clock that starts at `unix_ms` milliseconds since 1970.
    pub fn new(unix_ms: u64) -> Self {
        let now = Instant::now();
        Self(Arc::new(Mutex::new(Reading {
            wall: Duration::from_millis(unix_ms),
            set_at: now,
            skipped: Duration::ZERO,
            started_at: now,
        })))
    }

    /// Creates a clock that starts at the system's time, for tests against a server that uses the system's
    /// clock.
    pub fn system() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::new(now.as_millis() as u64)
    }

    /// The wall clock's time in milliseconds since 1970.
    pub fn now_ms(&self) -> u64 {
        lock(&self.0).wall().as_millis() as u64
    }

    /// Sets the wall clock, forwards or backwards, to `unix_ms` milliseconds since 1970. The monotonic clock
    /// stays as it is, as on a machine whose time is corrected.
    pub fn set_wall(&self, unix_ms: u64) {
        lock(&self.0).set_wall(Duration::from_millis(unix_ms));
    }

    /// Moves both clocks forwards by `by`.
    pub fn advance(&self, by: Duration) {
        let mut reading = lock(&self.0);
        let wall = reading.wall() + by;
        reading.set_wall(wall);
        reading.skipped += by;
    }

    /// Moves the wall clock backwards by `by`, but not beyond 1970. The monotonic clock stays as it is.
    pub fn step_back(&self, by: Duration) {
        let mut reading = lock(&self.0);
        let wall = reading.wall().saturating_sub(by);
        reading.set_wall(wall);
    }
}

impl HostWallClock for Clock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        lock(&self.0).wall()
    }
}

impl HostMonotonicClock for Clock {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        let reading = lock(&self.0);
        (reading.started_at.elapsed() + reading.skipped).as_nanos() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_step_back_moves_the_wall_clock_alone() {
        let clock = Clock::new(1_700_000_000_000);
        clock.advance(Duration::from_secs(10));
        let before = HostMonotonicClock::now(&clock);
        clock.step_back(Duration::from_secs(3_600));

        assert_eq!(clock.now_ms(), 1_700_000_010_000 - 3_600_000);
        assert_eq!(HostMonotonicClock::now(&clock), before);
    }

    #[tokio::test(start_paused = true)]
    async fn both_clocks_run_with_tokio_time() {
        let clock = Clock::new(0);
        clock.set_wall(5_000);
        tokio::time::sleep(Duration::from_millis(1_500)).await;

        assert_eq!(clock.now_ms(), 6_500);
        assert_eq!(HostMonotonicClock::now(&clock), 1_500_000_000);
    }

    #[tokio::test(start_paused = true)]
    async fn the_wall_clock_stops_at_1970() {
        let clock = Clock::new(1_000);
        clock.step_back(Duration::from_secs(2));
        assert_eq!(clock.now_ms(), 0);
    }
}
