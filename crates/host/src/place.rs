//! The places of requests: the bounds on the requests that a listener answers at the same time.
//!
//! A request takes a place before its instance starts, and keeps the place until the instance has ended. A
//! request whose instance begins to wait takes a place to wait in too. There are fewer of these, so requests
//! that wait for the upstream leave places for the requests that the cache answers.

use crate::Metrics;
use crate::lock;
use crate::metrics::GaugeGuard;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// One place in this many is not for requests that wait.
const RESERVED_SHARE: usize = 8;

/// The longest wait of a request for a place. A request that the cache answers takes a few milliseconds, so a
/// burst of them passes within this time.
const PATIENCE: Duration = Duration::from_millis(100);

/// The places of one listener.
pub(crate) struct Places {
    places: Arc<Semaphore>,
    to_wait_in: Arc<Semaphore>,
    limit: usize,
    metrics: Metrics,
}

impl Places {
    /// Creates `limit` places. `room` is the number of instances that can run at the same time.
    pub(crate) fn new(limit: usize, room: usize, metrics: Metrics) -> Self {
        let limit = limit.min(Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(limit)),
            to_wait_in: Arc::new(Semaphore::new(to_wait_in(limit.min(room)))),
            limit,
            metrics,
        }
    }

    /// Takes a place, or returns `None` if none becomes free within a tenth of a second.
    pub(crate) async fn take(&self) -> Option<Arc<Place>> {
        let permit = timeout(PATIENCE, Arc::clone(&self.places).acquire_owned()).await.ok()?.ok()?;
        Some(Arc::new(Place {
            _permit: permit,
            to_wait_in: Arc::clone(&self.to_wait_in),
            metrics: self.metrics.clone(),
            state: Mutex::new(State::Runs),
        }))
    }

    /// Waits until no place is taken.
    pub(crate) async fn all_free(&self) {
        _ = self.places.acquire_many(u32::try_from(self.limit).unwrap_or(u32::MAX)).await;
    }
}

/// The number of the places to wait in. A single place is one of them, because a request that may not wait
/// can't ask the upstream.
fn to_wait_in(places: usize) -> usize {
    if places < 2 { places } else { places - (places / RESERVED_SHARE).max(1) }
}

/// The place of one request. The last clone gives it back.
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    to_wait_in: Arc<Semaphore>,
    metrics: Metrics,
    state: Mutex<State>,
}

/// Whether the request of a place has waited.
enum State {
    /// It has not waited yet.
    Runs,
    /// It has begun to wait, and has a place to wait in until its end. So it takes no place from the others
    /// when it runs on.
    Waits { _permit: OwnedSemaphorePermit, _gauge: GaugeGuard },
    /// It found no place to wait in.
    Refused,
}

impl Place {
    /// Whether the request may wait. The first call takes a place to wait in.
    pub(crate) fn may_wait(&self) -> bool {
        let mut state = lock(&self.state);
        if let State::Runs = *state {
            *state = match Arc::clone(&self.to_wait_in).try_acquire_owned() {
                Ok(permit) => State::Waits { _permit: permit, _gauge: self.metrics.request_waiting() },
                Err(_) => State::Refused,
            };
        }
        matches!(*state, State::Waits { .. })
    }

    /// Whether the request found no place to wait in.
    pub(crate) fn was_refused(&self) -> bool {
        matches!(*lock(&self.state), State::Refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_places_is_not_to_wait_in() {
        for (places, expected) in [(0, 0), (1, 1), (2, 1), (8, 7), (16, 14), (128, 112), (256, 224)] {
            assert_eq!(to_wait_in(places), expected, "{places}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_clone_of_a_place_gives_it_back() {
        let places = Places::new(2, 256, Metrics::new());
        let (one, two) = (places.take().await.expect("a place"), places.take().await.expect("a place"));
        assert!(one.may_wait() && one.may_wait() && !one.was_refused());
        assert!(!two.may_wait() && two.was_refused());
        assert!(places.take().await.is_none());
        let clone = Arc::clone(&one);
        drop(one);
        assert!(places.take().await.is_none());
        drop(clone);
        let three = places.take().await.expect("a place");
        assert!(three.may_wait());
        // A refusal is final, so that a request gets one answer.
        drop(three);
        assert!(!two.may_wait());
        drop(two);
        places.all_free().await;
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_requests_wait_than_instances_can_run() {
        let places = Places::new(300, 8, Metrics::new());
        let mut taken = Vec::new();
        for _ in 0..9 {
            taken.push(places.take().await.expect("a place"));
        }
        assert_eq!(taken.iter().filter(|place| place.may_wait()).count(), 7);
    }
}
