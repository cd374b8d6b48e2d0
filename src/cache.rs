//! The cache: sealed entries in a bucket of the host. It never stops a call: what fails is remembered, and
//! the answer says so.

use crate::configuration::Protection;
use crate::entry::Entry;
use crate::envelope;
use crate::ports::{Bucket, Entropy, Store, StoreError};
use crate::slot::Slot;

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

impl<'a, P: Store + Entropy> Cache<'a, P> {
    /// Opens the bucket called `bucket`.
    pub async fn open(ports: &'a P, bucket: &str, protection: &'a Protection) -> Self {
        let mut cache = Self { ports, protection, bucket: None, failure: None };
        let opened = ports.open(bucket).await;
        cache.bucket = cache.note("opening the bucket", opened);
        cache
    }

    /// The entry in `slot`. What is there but is no entry made for this slot, or can't be read, is a miss.
    pub async fn read(&mut self, slot: &Slot) -> Option<Entry> {
        let read = self.bucket.as_ref()?.get(&slot.store_key).await;
        let envelope = self.note("reading an entry", read)??;
        Entry::from_text(&envelope::open(self.protection, slot, &envelope)?)
    }

    /// Puts an entry into `slot`, over whatever is there.
    pub async fn write(&mut self, slot: &Slot, entry: &Entry) {
        let sealed = envelope::seal(self.protection, slot, &entry.to_text(), self.ports);
        if let (Some(bucket), Some(sealed)) = (&self.bucket, sealed) {
            let written = bucket.set(&slot.store_key, &sealed).await;
            self.note("writing an entry", written);
        }
    }

    /// Empties `slot`.
    pub async fn remove(&mut self, slot: &Slot) {
        if let Some(bucket) = &self.bucket {
            let removed = bucket.delete(&slot.store_key).await;
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
