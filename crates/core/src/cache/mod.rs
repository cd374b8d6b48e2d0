//! The cache: sealed entries in a bucket of the host. It never stops a call: what fails is remembered, and
//! the answer says so.

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

/// An open cache, or one that could not be opened and is always empty.
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
    /// What was tried.
    pub operation: &'static str,
    /// What came of it.
    pub error: StoreError,
}

impl<'a, P: Store + Entropy + Clock> Cache<'a, P> {
    /// Opens the bucket in `place`.
    pub async fn open(ports: &'a P, place: &BucketLocation, protection: &'a Protection) -> Self {
        let mut cache = Self { ports, protection, bucket: None, failure: None };
        let opened = ports.open(place).await;
        cache.bucket = cache.note("opening the bucket", opened);
        cache
    }

    /// The entry in `cache_key`. What is there but is no entry made for this cache_key, or can't be read, is a miss.
    pub async fn read(&mut self, cache_key: &CacheKey) -> Option<Entry> {
        let read = self.bucket.as_ref()?.get(&cache_key.store_key).await;
        let envelope = self.note("reading an entry", read)??;
        Entry::from_text(&envelope::open(self.protection, cache_key, &envelope)?)
    }

    /// Puts an entry into `cache_key`, unless one that was fetched later has come there meanwhile: between reading a
    /// cache_key and writing to it lies a request, and another caller's can have been faster. Gives that later entry.
    ///
    /// `seen` is when the entry was fetched that this call had found there: it hasn't come meanwhile, even if the
    /// clock that it was dated by is ahead of this one.
    pub async fn write(
        &mut self,
        cache_key: &CacheKey,
        header: &Header,
        content: &SecretString,
        seen: Option<UnixMilliseconds>,
    ) -> Option<Entry> {
        let later = self.read_later(cache_key, header, seen).await;
        if later.is_none()
            && let Some(bucket) = &self.bucket
            && let Some(sealed) =
                envelope::seal(self.protection, cache_key, &entry::to_text(header, content), self.ports)
        {
            let written = bucket.set(&cache_key.store_key, &sealed).await;
            self.note("writing an entry", written);
        }
        later
    }

    /// Empties `cache_key`, unless an entry has come there that was fetched later than this one.
    /// `seen` as for [`write`](Self::write).
    pub async fn remove_unless_later(
        &mut self,
        cache_key: &CacheKey,
        header: &Header,
        seen: Option<UnixMilliseconds>,
    ) {
        if self.read_later(cache_key, header, seen).await.is_none() {
            self.remove(cache_key).await;
        }
    }

    async fn read_later(
        &mut self,
        cache_key: &CacheKey,
        header: &Header,
        seen: Option<UnixMilliseconds>,
    ) -> Option<Entry> {
        let now = self.ports.wall_time();
        let is_later = |entry: &Entry| {
            let fetched_at = entry.header.fetched_at;
            let has_come = fetched_at > header.fetched_at && Some(fetched_at) != seen;
            has_come && !is_from_the_future(fetched_at, now)
        };
        self.read(cache_key).await.filter(is_later)
    }

    /// Takes the turn of asking the upstream for what belongs into `cache_key`.
    pub async fn acquire_lease(&mut self, cache_key: &CacheKey) -> Lease {
        let key = lease::key(cache_key, self.ports.wall_time());
        let Some(bucket) = &self.bucket else { return Lease::Unavailable };
        let sum = bucket.increment(&key, 1).await;
        match self.note("acquiring the lease", sum) {
            Some(1) => Lease::Acquired(key),
            Some(_) => Lease::HeldElsewhere,
            None => Lease::Unavailable,
        }
    }

    /// Gives a turn back. The next one to ask for it gets it.
    pub async fn release_lease(&mut self, key: &str) {
        if let Some(bucket) = &self.bucket {
            let deleted = bucket.delete(key).await;
            self.note("releasing the lease", deleted);
        }
    }

    /// Empties `cache_key`.
    pub async fn remove(&mut self, cache_key: &CacheKey) {
        if let Some(bucket) = &self.bucket {
            let removed = bucket.delete(&cache_key.store_key).await;
            self.note("removing an entry", removed);
        }
    }

    /// The first operation that failed.
    pub fn failure(&self) -> Option<CacheFailure> {
        self.failure
    }

    fn note<T>(&mut self, operation: &'static str, result: Result<T, StoreError>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.failure.get_or_insert(CacheFailure { operation, error });
                None
            }
        }
    }
}
