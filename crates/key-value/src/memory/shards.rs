//! The entries in memory, divided into shards with a lock each.

use crate::entry_key::{EntryKey, OwnedEntryKey};
use crate::number;
use equivalent::Equivalent;
use hashbrown::HashTable;
use hashbrown::hash_table::{Entry as TableEntry, OccupiedEntry, VacantEntry};
use std::hash::{BuildHasher, RandomState};
use std::sync::{PoisonError, RwLock};

/// The number of shards.
const SHARDS: usize = 64;

/// A value and its expiry.
pub(super) struct Entry {
    /// The Unix second of expiry.
    pub expiry: u64,
    pub value: Vec<u8>,
}

impl Entry {
    fn live_value(&self, now: u64) -> Option<&[u8]> {
        (now < self.expiry).then_some(self.value.as_slice())
    }
}

type Row = (OwnedEntryKey, Entry);

/// The rows of a shard. A shard begins a line of the processors' caches: a lock that is taken often does not
/// slow down the shard beside it.
#[derive(Default)]
#[repr(align(64))]
struct Shard(RwLock<HashTable<Row>>);

pub(super) struct Shards {
    hasher: RandomState,
    shards: [Shard; SHARDS],
}

impl Default for Shards {
    fn default() -> Self {
        Self { hasher: RandomState::new(), shards: std::array::from_fn(|_| Shard::default()) }
    }
}

impl Shards {
    /// The rows that may contain the hash. Each table takes the lowest and the highest bits of the hash for
    /// itself.
    #[expect(clippy::indexing_slicing, reason = "the remainder is smaller than the number of shards")]
    fn shard(&self, hash: u64) -> &RwLock<HashTable<Row>> {
        &self.shards[(hash >> 32) as usize % SHARDS].0
    }

    /// The value at a place, unless it has expired, as `take` reads it.
    pub(super) fn read<T>(&self, place: &EntryKey<'_>, now: u64, take: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let hash = self.hasher.hash_one(place);
        // A row is consistent even if another thread has panicked while it held the lock.
        let rows = self.shard(hash).read().unwrap_or_else(PoisonError::into_inner);
        let (_, entry) = rows.find(hash, |(stored, _)| place.equivalent(stored))?;
        entry.live_value(now).map(take)
    }

    /// Lets `work` read and write at a place. No other call reads or writes there meanwhile.
    pub(super) fn write<T>(&self, place: &EntryKey<'_>, work: impl FnOnce(ShardEntry<'_, '_>) -> T) -> T {
        let hash = self.hasher.hash_one(place);
        let mut rows = self.shard(hash).write().unwrap_or_else(PoisonError::into_inner);
        let rehash = |(stored, _): &Row| self.hasher.hash_one(stored);
        let slot = match rows.entry(hash, |(stored, _)| place.equivalent(stored), rehash) {
            TableEntry::Occupied(row) => ShardEntry::Occupied(row),
            TableEntry::Vacant(row) => ShardEntry::Vacant(row, place),
        };
        work(slot)
    }

    /// Removes an entry, and returns the text of its place.
    pub(super) fn remove(&self, place: &EntryKey<'_>) -> Option<OwnedEntryKey> {
        let hash = self.hasher.hash_one(place);
        let mut rows = self.shard(hash).write().unwrap_or_else(PoisonError::into_inner);
        let row = rows.find_entry(hash, |(stored, _)| place.equivalent(stored)).ok()?;
        let ((stored, _), _) = row.remove();
        Some(stored)
    }

    /// Adds `delta` to a number whose place in the order of entries stays as it is: the number has this
    /// expiry already, and the sum has as many digits. `None` if this isn't so.
    pub(super) fn increment_within(
        &self,
        place: &EntryKey<'_>,
        now: u64,
        expiry: u64,
        delta: i64,
    ) -> Option<i64> {
        let hash = self.hasher.hash_one(place);
        let mut rows = self.shard(hash).write().unwrap_or_else(PoisonError::into_inner);
        let (_, entry) = rows.find_mut(hash, |(stored, _)| place.equivalent(stored))?;
        if entry.expiry != expiry {
            return None;
        }
        let sum = number::add(Some(entry.live_value(now)?), delta).ok()?;
        let text = sum.to_string().into_bytes();
        if text.len() != entry.value.len() {
            return None;
        }
        entry.value = text;
        Some(sum)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.0.read().expect("no panic").len()).sum()
    }
}

/// A place in a locked shard.
pub(super) enum ShardEntry<'a, 'key> {
    Occupied(OccupiedEntry<'a, Row>),
    Vacant(VacantEntry<'a, Row>, &'key EntryKey<'key>),
}

impl ShardEntry<'_, '_> {
    pub(super) fn live_value(&self, now: u64) -> Option<&[u8]> {
        match self {
            Self::Occupied(row) => row.get().1.live_value(now),
            Self::Vacant(..) => None,
        }
    }

    /// Puts an entry at the place. Returns the text of the place.
    pub(super) fn put(self, entry: Entry) -> OwnedEntryKey {
        match self {
            Self::Occupied(mut row) => {
                let (stored, present) = row.get_mut();
                *present = entry;
                stored.clone()
            }
            Self::Vacant(row, place) => {
                let stored = place.stored();
                row.insert((stored.clone(), entry));
                stored
            }
        }
    }
}
