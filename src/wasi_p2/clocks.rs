//! The port `Clock` over `wasi:clocks`.

use super::Wasi;
use super::run::first_ready;
use alloc::rc::Rc;
use core::time::Duration;
use credwell_core::ports::Clock;
use credwell_core::timestamp::UnixMilliseconds;
use wasi::clocks::{monotonic_clock, wall_clock};
use wasi::io::poll::Pollable;

impl Clock for Wasi {
    fn wall_time(&self) -> UnixMilliseconds {
        let now = wall_clock::now();
        UnixMilliseconds(0).after(Duration::new(now.seconds, now.nanoseconds))
    }

    fn monotonic_time(&self) -> Duration {
        Duration::from_nanos(monotonic_clock::now())
    }

    async fn sleep(&self, duration: Duration) {
        first_ready([&after(duration)]).await;
    }
}

/// A pollable that is ready after this duration.
pub fn after(duration: Duration) -> Rc<Pollable> {
    Rc::new(monotonic_clock::subscribe_duration(nanoseconds(duration)))
}

/// A duration in nanoseconds, as the host's interfaces take it. At most `u64::MAX`.
pub fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
