//! The cache: sealed entries in a bucket of the host. It never stops a call: what fails is remembered, and
//! the answer says so.

use crate::configuration::Protection;
use crate::entry::{self, Entry, Header};
use crate::envelope;
use crate::freshness::is_from_the_future;
use crate::ports::{Bucket, Clock, Entropy, Place, Store, StoreError};
use crate::secret::SecretString;
use crate::slot::Slot;
use crate::timestamp::UnixMilliseconds;
use crate::turn::{self, Turn};

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
    pub async fn open(ports: &'a P, place: &Place, protection: &'a Protection) -> Self {
        let mut cache = Self { ports, protection, bucket: None, failure: None };
        let opened = ports.open(place).await;
        cache.bucket = cache.note("opening the bucket", opened);
        cache
    }

    /// The entry in `slot`. What is there but is no entry made for this slot, or can't be read, is a miss.
    pub async fn read(&mut self, slot: &Slot) -> Option<Entry> {
        let read = self.bucket.as_ref()?.get(&slot.store_key).await;
        let envelope = self.note("reading an entry", read)??;
        Entry::from_text(&envelope::open(self.protection, slot, &envelope)?)
    }

    /// Puts an entry into `slot`, unless one that was fetched later has come there meanwhile: between reading a
    /// slot and writing to it lies a request, and another caller's can have been faster. Gives that later entry.
    ///
    /// `seen` is when the entry was fetched that this call had found there: it hasn't come meanwhile, even if the
    /// clock that it was dated by is ahead of this one.
    pub async fn write(
        &mut self,
        slot: &Slot,
        header: &Header,
        content: &SecretString,
        seen: Option<UnixMilliseconds>,
    ) -> Option<Entry> {
        let later = self.read_later(slot, header, seen).await;
        if later.is_none()
            && let Some(bucket) = &self.bucket
            && let Some(sealed) =
                envelope::seal(self.protection, slot, &entry::to_text(header, content), self.ports)
        {
            let written = bucket.set(&slot.store_key, &sealed).await;
            self.note("writing an entry", written);
        }
        later
    }

    /// Empties `slot`, unless an entry has come there that was fetched later than this one.
    /// `seen` as for [`write`](Self::write).
    pub async fn remove_unless_later(
        &mut self,
        slot: &Slot,
        header: &Header,
        seen: Option<UnixMilliseconds>,
    ) {
        if self.read_later(slot, header, seen).await.is_none() {
            self.remove(slot).await;
        }
    }

    async fn read_later(
        &mut self,
        slot: &Slot,
        header: &Header,
        seen: Option<UnixMilliseconds>,
    ) -> Option<Entry> {
        let now = self.ports.wall_time();
        let is_later = |entry: &Entry| {
            let fetched_at = entry.header.fetched_at;
            let has_come = fetched_at > header.fetched_at && Some(fetched_at) != seen;
            has_come && !is_from_the_future(fetched_at, now)
        };
        self.read(slot).await.filter(is_later)
    }

    /// Takes the turn of asking the upstream for what belongs into `slot`.
    pub async fn take_turn(&mut self, slot: &Slot) -> Turn {
        let key = turn::key(slot, self.ports.wall_time());
        let Some(bucket) = &self.bucket else { return Turn::Unknown };
        let sum = bucket.increment(&key, 1).await;
        match self.note("taking a turn", sum) {
            Some(1) => Turn::Mine(key),
            Some(_) => Turn::Taken,
            None => Turn::Unknown,
        }
    }

    /// Gives a turn back. The next one to ask for it gets it.
    pub async fn end_turn(&mut self, key: &str) {
        if let Some(bucket) = &self.bucket {
            let deleted = bucket.delete(key).await;
            self.note("giving a turn back", deleted);
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
