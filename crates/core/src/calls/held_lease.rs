//! The held lease: the lease of a call that asks the upstream, and its renewal.

use crate::cache::lease::{Beat, LeaseNumber};
use crate::ports::{Bucket, BucketLocation, Clock, Ports};
use alloc::string::String;
use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::Poll;
use core::time::Duration;

/// A lease that a call holds.
pub(super) struct HeldLease<B> {
    /// The key of the lease's number.
    pub(super) key: String,
    bucket: B,
    beat: Option<Beat>,
    /// When the last beat was written, by the monotonic clock.
    renewed_at: Duration,
    /// Whether another call has deleted the number meanwhile.
    is_lost: bool,
}

impl<B: Bucket> HeldLease<B> {
    /// Begins to hold the lease that the call has just acquired. The bucket is one of its own, because the
    /// call's request uses the other one at the same time. None if the bucket can't be opened: then the lease
    /// ends by its silence.
    pub(super) async fn begin<P: Ports<Bucket = B>>(
        ports: &P,
        location: &BucketLocation,
        key: String,
    ) -> Option<Self> {
        let bucket = ports.open(location).await.ok()?;
        let mut held = Self { key, bucket, beat: None, renewed_at: ports.monotonic_time(), is_lost: false };
        held.renew(ports).await;
        Some(held)
    }

    /// Does `work`, and renews the lease each `beat`.
    pub(super) async fn renew_during<T>(
        &mut self,
        clock: &impl Clock,
        beat: Duration,
        work: impl Future<Output = T>,
    ) -> T {
        let mut work = pin!(work);
        loop {
            if let Some(result) = done_before(work.as_mut(), pin!(clock.sleep(beat))).await {
                return result;
            }
            self.renew(clock).await;
        }
    }

    /// Whether the call still holds the lease. If the last renewal is older than `silence`, another call can
    /// have taken the lease over.
    pub(super) async fn is_still_held(&mut self, clock: &impl Clock, silence: Duration) -> bool {
        if clock.monotonic_time().saturating_sub(self.renewed_at) >= silence {
            self.renew(clock).await;
        }
        !self.is_lost
    }

    /// Advances the beat, unless another call has taken the lease over: a beat in the number of its new
    /// holder would confuse that one.
    async fn renew(&mut self, clock: &impl Clock) {
        if self.beat.is_some() {
            let Ok(number) = self.bucket.increment(&self.key, 0).await else { return };
            self.is_lost |= LeaseNumber(number).beat() != self.beat;
            if number == 0 {
                // Nobody has acquired the lease since its number was deleted. The increment has made a new
                // one.
                let _ = self.bucket.delete(&self.key).await;
            }
        }
        if !self.is_lost {
            let (beat, delta) = Beat::next(self.beat, clock.wall_time());
            if self.bucket.increment(&self.key, delta).await.is_ok() {
                self.beat = Some(beat);
                self.renewed_at = clock.monotonic_time();
            }
        }
    }
}

/// The result of `work`. None if `limit` is ready first.
async fn done_before<T>(
    mut work: Pin<&mut impl Future<Output = T>>,
    mut limit: Pin<&mut impl Future<Output = ()>>,
) -> Option<T> {
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending => limit.as_mut().poll(context).map(|()| None),
    })
    .await
}
