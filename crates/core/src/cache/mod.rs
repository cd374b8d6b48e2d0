//! The cache: entries in sealed envelopes, in a bucket of a key-value store.
//!
//! A failure of the store doesn't fail a call. The cache records the first failure, reads as if the entry
//! were missing, and the call warns its caller.

pub mod backoff;
pub mod entry;
pub mod envelope;
pub mod freshness;
pub mod instance_bucket;
pub mod key;
pub mod lease;
pub mod negative;

use crate::configuration::Protection;
use crate::ports::{Bucket, BucketLocation, Clock, Entropy, Store, StoreError};
use crate::secret::SecretString;
use crate::timestamp::UnixMilliseconds;
use entry::{Entry, Header};
use freshness::is_from_the_future;
use key::CacheKey;
use lease::Lease;

/// A cache over an open bucket. If the bucket could not be opened, the cache is always empty.
pub struct Cache<'a, P: Store> {
    ports: &'a P,
    protection: &'a Protection,
    bucket: Option<P::Bucket>,
    failure: Option<CacheFailure>,
}

/// An operation of the cache that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{operation} failed: {error}")]
pub struct CacheFailure {
    /// The name of the operation.
    pub operation: &'static str,
    /// The error of the store.
    pub error: StoreError,
}

impl<'a, P: Store + Entropy + Clock> Cache<'a, P> {
    /// Opens the bucket at `location`.
    pub async fn open(ports: &'a P, location: &BucketLocation, protection: &'a Protection) -> Self {
        let mut cache = Self { ports, protection, bucket: None, failure: None };
        let opened = ports.open(location).await;
        cache.bucket = cache.record_failure("opening the bucket", opened);
        cache
    }

    /// The entry under `cache_key`. None if there is no value, if it can't be read, or if its envelope
    /// doesn't open for this key.
    pub async fn read(&mut self, cache_key: &CacheKey) -> Option<Entry> {
        let read = self.bucket.as_ref()?.get(&cache_key.store_key).await;
        let envelope = self.record_failure("reading an entry", read)??;
        Entry::from_text(&envelope::open(self.protection, cache_key, &envelope)?)
    }

    /// Writes an entry under `cache_key`, unless another call has written a newer one meanwhile: the request
    /// to the upstream takes time, and another call's request can be faster. Returns the newer entry.
    ///
    /// `previous_fetched_at` is the `fetched_at` of the entry that this call has read before. That entry is
    /// not newer, even if the clock of the host that wrote it is ahead.
    pub async fn write(
        &mut self,
        cache_key: &CacheKey,
        header: &Header,
        content: &SecretString,
        previous_fetched_at: Option<UnixMilliseconds>,
    ) -> Option<Entry> {
        let newer = self.read_newer(cache_key, header, previous_fetched_at).await;
        if newer.is_none()
            && let Some(bucket) = &self.bucket
            && let Some(sealed) =
                envelope::seal(self.protection, cache_key, &entry::to_text(header, content), self.ports)
        {
            let written = bucket.set(&cache_key.store_key, &sealed).await;
            self.record_failure("writing an entry", written);
        }
        newer
    }

    /// Removes the entry under `cache_key`, unless another call has written a newer one than `header`
    /// meanwhile. `previous_fetched_at` as for [`write`](Self::write).
    pub async fn remove_unless_newer(
        &mut self,
        cache_key: &CacheKey,
        header: &Header,
        previous_fetched_at: Option<UnixMilliseconds>,
    ) {
        if self.read_newer(cache_key, header, previous_fetched_at).await.is_none() {
            self.remove(cache_key).await;
        }
    }

    async fn read_newer(
        &mut self,
        cache_key: &CacheKey,
        header: &Header,
        previous_fetched_at: Option<UnixMilliseconds>,
    ) -> Option<Entry> {
        let now = self.ports.wall_time();
        let is_newer = |entry: &Entry| {
            let fetched_at = entry.header.fetched_at;
            fetched_at > header.fetched_at
                && Some(fetched_at) != previous_fetched_at
                && !is_from_the_future(fetched_at, now)
        };
        self.read(cache_key).await.filter(is_newer)
    }

    /// Tries to acquire the lease for the entry under `cache_key`.
    pub async fn acquire_lease(&mut self, cache_key: &CacheKey) -> Lease {
        let key = lease::key(cache_key, self.ports.wall_time());
        let Some(bucket) = &self.bucket else { return Lease::Unavailable };
        let sum = bucket.increment(&key, 1).await;
        match self.record_failure("acquiring the lease", sum) {
            Some(1) => Lease::Acquired(key),
            Some(_) => Lease::HeldElsewhere,
            None => Lease::Unavailable,
        }
    }

    /// Releases the lease under `key`. The next call that tries acquires it.
    pub async fn release_lease(&mut self, key: &str) {
        if let Some(bucket) = &self.bucket {
            let deleted = bucket.delete(key).await;
            self.record_failure("releasing the lease", deleted);
        }
    }

    /// Removes the entry under `cache_key`.
    pub async fn remove(&mut self, cache_key: &CacheKey) {
        if let Some(bucket) = &self.bucket {
            let removed = bucket.delete(&cache_key.store_key).await;
            self.record_failure("removing an entry", removed);
        }
    }

    /// The first operation that failed.
    pub fn failure(&self) -> Option<CacheFailure> {
        self.failure
    }

    fn record_failure<T>(&mut self, operation: &'static str, result: Result<T, StoreError>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.failure.get_or_insert(CacheFailure { operation, error });
                None
            }
        }
    }
}
