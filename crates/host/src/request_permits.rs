//! The permits of requests: the bounds on the requests that a listener answers at the same time.
//!
//! A request takes a permit before its instance starts, and keeps the permit until the instance has ended. A
//! request whose instance begins to wait takes a waiting permit too. There are fewer of these, so requests
//! that wait for the upstream leave permits for the requests that the cache answers.

use crate::Metrics;
use crate::lock;
use crate::metrics::GaugeGuard;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// For one permit in this many there is no waiting permit.
const RESERVED_SHARE: usize = 8;

/// The longest wait of a request for a permit. A request that the cache answers takes a few milliseconds, so
/// a burst of them passes within this time.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// The permits of one listener.
pub(crate) struct RequestPermits {
    all: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    limit: usize,
    metrics: Metrics,
}

impl RequestPermits {
    /// Creates `limit` permits. `room` is the number of instances that can run at the same time.
    pub(crate) fn new(limit: usize, room: usize, metrics: Metrics) -> Self {
        let limit = limit.min(Semaphore::MAX_PERMITS);
        Self {
            all: Arc::new(Semaphore::new(limit)),
            waiting: Arc::new(Semaphore::new(waiting(limit.min(room)))),
            limit,
            metrics,
        }
    }

    /// Takes a permit, or returns `None` if none becomes free within a tenth of a second.
    pub(crate) async fn take(&self) -> Option<Arc<RequestPermit>> {
        let permit = timeout(LONGEST_WAIT, Arc::clone(&self.all).acquire_owned()).await.ok()?.ok()?;
        Some(Arc::new(RequestPermit {
            _permit: permit,
            waiting: Arc::clone(&self.waiting),
            metrics: self.metrics.clone(),
            state: Mutex::new(State::Runs),
        }))
    }

    /// Waits until no permit is taken.
    pub(crate) async fn all_free(&self) {
        _ = self.all.acquire_many(u32::try_from(self.limit).unwrap_or(u32::MAX)).await;
    }
}

/// The number of waiting permits. With a single permit there is one, because a request that may not wait
/// can't ask the upstream.
fn waiting(permits: usize) -> usize {
    if permits < 2 { permits } else { permits - (permits / RESERVED_SHARE).max(1) }
}

/// The permit of one request. The last clone gives it back.
pub(crate) struct RequestPermit {
    _permit: OwnedSemaphorePermit,
    waiting: Arc<Semaphore>,
    metrics: Metrics,
    state: Mutex<State>,
}

/// Whether the request of a permit has waited.
enum State {
    /// It has not waited yet.
    Runs,
    /// It has begun to wait. It keeps the waiting permit until its end, so that it needs no other one when it
    /// runs on and waits again.
    Waits { _permit: OwnedSemaphorePermit, _gauge: GaugeGuard },
    /// It found no waiting permit.
    Refused,
}

impl RequestPermit {
    /// Whether the request may wait. The first call takes a waiting permit.
    pub(crate) fn may_wait(&self) -> bool {
        let mut state = lock(&self.state);
        if let State::Runs = *state {
            *state = match Arc::clone(&self.waiting).try_acquire_owned() {
                Ok(permit) => State::Waits { _permit: permit, _gauge: self.metrics.request_waiting() },
                Err(_) => State::Refused,
            };
        }
        matches!(*state, State::Waits { .. })
    }

    /// Whether the request found no waiting permit.
    pub(crate) fn was_refused(&self) -> bool {
        matches!(*lock(&self.state), State::Refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_permits_are_not_for_waiting() {
        for (permits, expected) in [(0, 0), (1, 1), (2, 1), (8, 7), (16, 14), (128, 112), (256, 224)] {
            assert_eq!(waiting(permits), expected, "{permits}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_clone_of_a_permit_gives_it_back() {
        let permits = RequestPermits::new(2, 256, Metrics::new());
        let (one, two) = (permits.take().await.expect("a permit"), permits.take().await.expect("a permit"));
        assert!(one.may_wait() && one.may_wait() && !one.was_refused());
        assert!(!two.may_wait() && two.was_refused());
        assert!(permits.take().await.is_none());
        let clone = Arc::clone(&one);
        drop(one);
        assert!(permits.take().await.is_none());
        drop(clone);
        let three = permits.take().await.expect("a permit");
        assert!(three.may_wait());
        // A refusal is final, so that a request gets one answer.
        drop(three);
        assert!(!two.may_wait());
        drop(two);
        permits.all_free().await;
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_requests_wait_than_instances_can_run() {
        let permits = RequestPermits::new(300, 8, Metrics::new());
        let mut taken = Vec::new();
        for _ in 0..9 {
            taken.push(permits.take().await.expect("a permit"));
        }
        assert_eq!(taken.iter().filter(|permit| permit.may_wait()).count(), 7);
    }
}
