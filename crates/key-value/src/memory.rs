//! The store in the process's memory.
//!
//! Reads take the lock of one shard of the entries, and nothing that all calls share. Writes take one after
//! the other the lock of the order of all entries, and of a shard.

mod order;
mod shards;

use crate::clock::Lifetimes;
use crate::entry_key::EntryKey;
use crate::key_value::{KeyPage, KeyValue, KeyValueError};
use crate::limits::{PAGE, check_bucket, check_key, check_value};
use crate::number;
use order::Order;
use shards::{Entry, Shards};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// The default size limit of `memory:`, in bytes. Beyond the limit, the store removes the entries that expire
/// first: those that were not written for the longest time.
pub const MEMORY_LIMIT: usize = 256 * 1024 * 1024;

/// The most expired entries that one call removes.
const SWEEP: usize = 64;

pub(crate) struct Memory {
    lifetimes: Lifetimes,
    limit: usize,
    entries: Shards,
    /// Every change of the set of entries, and of an expiry, holds this lock. It is taken before the lock of
    /// a shard.
    order: Mutex<Order>,
    /// The Unix second of the first expiry. Reads compare it with the time, and leave `order` alone until
    /// then.
    first_expiry: AtomicU64,
}

impl Memory {
    #[cfg(test)]
    pub(crate) fn new(lifetimes: Lifetimes) -> Self {
        Self::with_limit(lifetimes, MEMORY_LIMIT)
    }

    pub(crate) fn with_limit(lifetimes: Lifetimes, limit: usize) -> Self {
        let first_expiry = AtomicU64::new(u64::MAX);
        Self { lifetimes, limit, entries: Shards::default(), order: Mutex::default(), first_expiry }
    }

    /// Returns the time. Removes up to [`SWEEP`] expired entries before, unless another call changes entries
    /// at the moment. Later calls remove further ones: readers must compare an entry's expiry with the time.
    fn now(&self) -> u64 {
        let now = self.lifetimes.now();
        if self.first_expiry.load(Ordering::Relaxed) <= now {
            match self.order.try_lock() {
                Ok(mut order) => self.sweep(&mut order, now),
                Err(TryLockError::Poisoned(order)) => self.sweep(&mut order.into_inner(), now),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        now
    }

    /// Locks the order of all entries, removes up to [`SWEEP`] expired entries, and returns the order and the
    /// time.
    fn lock(&self) -> (MutexGuard<'_, Order>, u64) {
        // The order stays consistent even if another thread has panicked while it held the lock.
        let mut order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.lifetimes.now();
        self.sweep(&mut order, now);
        (order, now)
    }

    fn sweep(&self, order: &mut Order, now: u64) {
        for _ in 0..SWEEP {
            if order.first_expiry() > now {
                break;
            }
            self.remove_first(order);
        }
        self.note_first_expiry(order);
    }

    fn remove_first(&self, order: &mut Order) {
        if let Some(stored) = order.remove_first() {
            self.entries.remove(&stored.place());
        }
    }

    fn note_first_expiry(&self, order: &Order) {
        let first = order.first_expiry();
        // A write to the number takes its place in the processors' caches away from all readers.
        if self.first_expiry.load(Ordering::Relaxed) != first {
            self.first_expiry.store(first, Ordering::Relaxed);
        }
    }

    /// Changes the value at a place to the one that `change` returns for the present one. `None` leaves it as
    /// it is. The change is atomic.
    fn change<T>(
        &self,
        place: &EntryKey<'_>,
        change: impl FnOnce(Option<&[u8]>) -> (Option<Vec<u8>>, T),
    ) -> T {
        let (mut order, now) = self.lock();
        let expiry = self.lifetimes.expiry(now);
        let result = self.entries.write(place, |slot| {
            let (value, result) = change(slot.live_value(now));
            if let Some(value) = value {
                let length = value.len();
                order.put(slot.put(Entry { expiry, value }), length, expiry);
            }
            result
        });
        while order.bytes() > self.limit {
            self.remove_first(&mut order);
        }
        self.note_first_expiry(&order);
        result
    }
}

#[async_trait::async_trait]
impl KeyValue for Memory {
    async fn open(&self, bucket: &str) -> Result<(), KeyValueError> {
        check_bucket(bucket)
    }

    async fn get(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        check_key(bucket, key)?;
        let now = self.now();
        Ok(self.entries.read(&EntryKey { bucket, key }, now, <[u8]>::to_vec))
    }

    async fn set(&self, bucket: &str, key: &str, value: Vec<u8>) -> Result<(), KeyValueError> {
        check_value(bucket, key, &value)?;
        self.change(&EntryKey { bucket, key }, |_| (Some(value), ()));
        Ok(())
    }

    async fn delete(&self, bucket: &str, key: &str) -> Result<(), KeyValueError> {
        check_key(bucket, key)?;
        let (mut order, _) = self.lock();
        if let Some(stored) = self.entries.remove(&EntryKey { bucket, key }) {
            order.remove(&stored);
        }
        self.note_first_expiry(&order);
        Ok(())
    }

    async fn exists(&self, bucket: &str, key: &str) -> Result<bool, KeyValueError> {
        check_key(bucket, key)?;
        let now = self.now();
        Ok(self.entries.read(&EntryKey { bucket, key }, now, |_| ()).is_some())
    }

    async fn list_keys(&self, bucket: &str, cursor: Option<&str>) -> Result<KeyPage, KeyValueError> {
        check_bucket(bucket)?;
        let (order, now) = self.lock();
        Ok(order.page(bucket, cursor, PAGE, now))
    }

    async fn increment(&self, bucket: &str, key: &str, delta: i64) -> Result<i64, KeyValueError> {
        check_key(bucket, key)?;
        let place = EntryKey { bucket, key };
        let now = self.now();
        // A number that changes many times a second keeps its place in the order within a second.
        if let Some(sum) = self.entries.increment_within(&place, now, self.lifetimes.expiry(now), delta) {
            return Ok(sum);
        }
        self.change(&place, |value| match number::add(value, delta) {
            Ok(sum) => (Some(sum.to_string().into_bytes()), Ok(sum)),
            Err(error) => (None, Err(error)),
        })
    }

    async fn compare_and_swap(
        &self,
        bucket: &str,
        key: &str,
        expected: Option<&[u8]>,
        value: Vec<u8>,
    ) -> Result<bool, KeyValueError> {
        check_value(bucket, key, &value)?;
        Ok(self.change(&EntryKey { bucket, key }, |present| {
            let equal = present == expected;
            (equal.then_some(value), equal)
        }))
    }
}

#[cfg(test)]
mod tests;
