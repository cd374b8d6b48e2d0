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
use entry::{Entry, Header, Kind};
use freshness::is_from_the_future;
use key::CacheKey;
use lease::LeaseNumber;

/// A cache over an open bucket. If the bucket could not be opened, the cache is always empty.
pub struct Cache<'a, P: Store> {
    ports: &'a P,
    location: &'a BucketLocation,
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
    pub async fn open(ports: &'a P, location: &'a BucketLocation, protection: &'a Protection) -> Self {
        let mut cache = Self { ports, location, protection, bucket: None, failure: None };
        cache.reopen().await;
        cache
    }

    /// Opens the bucket again. Some hosts cache the values that were read through an open bucket (Spin 3.0
    /// and 3.1), so only a new one shows what other calls have written meanwhile.
    pub async fn reopen(&mut self) {
        // Some hosts limit the number of open buckets.
        self.bucket = None;
        let opened = self.ports.open(self.location).await;
        self.bucket = self.record_failure("opening the bucket", opened);
    }

    /// The entry under `cache_key`. None if there is no value, if it can't be read, or if its envelope
    /// doesn't open for this key.
    pub async fn read(&mut self, cache_key: &CacheKey) -> Option<Entry> {
        let read = self.bucket.as_ref()?.get(cache_key.store_key()).await;
        let envelope = self.record_failure("reading an entry", read)??;
        Entry::from_text(&envelope::open(self.protection, cache_key, envelope)?)
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
        let newer = self.read_newer(cache_key, header.fetched_at, previous_fetched_at).await;
        if newer.is_none() {
            self.replace(cache_key, header, content).await;
        }
        newer
    }

    /// Writes an entry under `cache_key`, whatever is there.
    pub async fn replace(&mut self, cache_key: &CacheKey, header: &Header, content: &SecretString) {
        if let Some(bucket) = &self.bucket
            && let Some(sealed) =
                envelope::seal(self.protection, cache_key, &entry::to_text(header, content), self.ports)
        {
            let written = bucket.set(cache_key.store_key(), &sealed).await;
            self.record_failure("writing an entry", written);
        }
    }

    /// Removes the entry under `cache_key`, unless another call has written a newer one than `fetched_at`
    /// meanwhile. `previous_fetched_at` as for [`write`](Self::write).
    pub async fn remove_unless_newer(
        &mut self,
        cache_key: &CacheKey,
        fetched_at: UnixMilliseconds,
        previous_fetched_at: Option<UnixMilliseconds>,
    ) {
        if self.read_newer(cache_key, fetched_at, previous_fetched_at).await.is_none() {
            self.delete("removing an entry", cache_key.store_key()).await;
        }
    }

    /// The entry, if it is newer than `fetched_at`. A tombstone that this call has not read before is newer
    /// in any case, because the removal must last also if the clocks of hosts differ.
    async fn read_newer(
        &mut self,
        cache_key: &CacheKey,
        fetched_at: UnixMilliseconds,
        previous_fetched_at: Option<UnixMilliseconds>,
    ) -> Option<Entry> {
        self.reopen().await;
        let now = self.ports.wall_time();
        let is_newer = |entry: &Entry| {
            let found = entry.header.fetched_at;
            let is_later = found > fetched_at && !is_from_the_future(found, now);
            Some(found) != previous_fetched_at && (is_later || entry.header.kind == Kind::Removed)
        };
        self.read(cache_key).await.filter(is_newer)
    }

    /// Increments the number of a lease, and returns the sum. None if the store has no atomic increment, or
    /// if it failed.
    pub async fn count(&mut self, key: &str, delta: u64) -> Option<LeaseNumber> {
        let sum = self.bucket.as_ref()?.increment(key, delta).await;
        self.record_failure("acquiring the lease", sum).map(LeaseNumber)
    }

    /// Deletes the number of a lease.
    pub async fn delete_number(&mut self, key: &str) {
        self.delete("releasing the lease", key).await;
    }

    /// Removes the entry under `cache_key` for good: calls that began before don't write it back. `lease_key`
    /// is the key of the lease that such a call holds.
    ///
    /// The entry is replaced with a tombstone. Without an entry and without a lease nothing is written, so
    /// that requests for made-up accounts don't fill the store.
    pub async fn remove(&mut self, cache_key: &CacheKey, lease_key: &str) {
        let is_lease_certain = P::Bucket::CAN_COUNT && !self.exists(lease_key).await;
        if is_lease_certain && !self.exists(cache_key.store_key()).await {
            return;
        }
        let header = Header::new(Kind::Removed, self.ports.wall_time());
        self.replace(cache_key, &header, &SecretString::default()).await;
        if self.failure.is_some() {
            self.delete("removing an entry", cache_key.store_key()).await;
        }
    }

    /// Whether there is a value under `key`. True if the store can't tell.
    async fn exists(&mut self, key: &str) -> bool {
        let Some(bucket) = &self.bucket else { return true };
        let read = bucket.get(key).await;
        self.record_failure("reading an entry", read).is_none_or(|value| value.is_some())
    }

    async fn delete(&mut self, operation: &'static str, key: &str) {
        if let Some(bucket) = &self.bucket {
            let deleted = bucket.delete(key).await;
            self.record_failure(operation, deleted);
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
