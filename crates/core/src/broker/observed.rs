//! The observed ports, which measure the duration of each request to the upstream.

use crate::ports::{
    BucketLocation, Clock, Entropy, Limits, Ports, Request, Response, SettingsError, SettingsSource, Store,
    StoreError, TransportError, Upstream,
};
use crate::secret::SecretString;
use crate::timestamp::UnixMilliseconds;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::time::Duration;

/// Ports that measure requests to the upstream.
pub(super) struct Observed<'a, P> {
    ports: &'a P,
    durations: RefCell<Vec<Duration>>,
}

impl<'a, P: Ports> Observed<'a, P> {
    /// Observes these ports.
    pub(super) fn new(ports: &'a P) -> Self {
        Self { ports, durations: RefCell::default() }
    }

    /// The duration of each request to the upstream, failed requests included.
    pub(super) fn into_durations(self) -> Vec<Duration> {
        self.durations.into_inner()
    }
}

impl<P: Ports> Upstream for Observed<'_, P> {
    async fn send(&self, request: &Request, limits: Limits) -> Result<Response, TransportError> {
        let began_at = self.ports.monotonic_time();
        let answer = self.ports.send(request, limits).await;
        let took = self.ports.monotonic_time().saturating_sub(began_at);
        self.durations.borrow_mut().push(took);
        answer
    }
}

impl<P: Ports> Store for Observed<'_, P> {
    type Bucket = P::Bucket;

    async fn open(&self, place: &BucketLocation) -> Result<P::Bucket, StoreError> {
        self.ports.open(place).await
    }
}

impl<P: Ports> Clock for Observed<'_, P> {
    fn wall_time(&self) -> UnixMilliseconds {
        self.ports.wall_time()
    }

    fn monotonic_time(&self) -> Duration {
        self.ports.monotonic_time()
    }

    async fn sleep(&self, duration: Duration) {
        self.ports.sleep(duration).await;
    }
}

impl<P: Ports> Entropy for Observed<'_, P> {
    fn fill(&self, bytes: &mut [u8]) {
        self.ports.fill(bytes);
    }
}

impl<P: Ports> SettingsSource for Observed<'_, P> {
    async fn all(&self) -> Result<Vec<(String, SecretString)>, SettingsError> {
        self.ports.all().await
    }
}
