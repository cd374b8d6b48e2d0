//! The store in the process's memory.
//!
//! Reads take the lock of one shard of the entries, and nothing that all calls share. Writes take one after
//! the other the lock of the order of all entries, and of a shard.

mod order;
mod shards;

use crate::clock::Lifetimes;
use crate::key_value::{KeyPage, KeyValue, KeyValueError};
use crate::limits::{PAGE, check_bucket, check_key, check_value};
use crate::number;
use crate::place::Place;
use order::Order;
use shards::{Entry, Shards};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// The default size limit of `memory:`, in bytes. Beyond the limit, the store removes the entries that expire first: those
/// that were not written for the longest time.
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
    fn change<T>(&self, place: &Place<'_>, change: impl FnOnce(Option<&[u8]>) -> (Option<Vec<u8>>, T)) -> T {
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
        Ok(self.entries.read(&Place { bucket, key }, now, <[u8]>::to_vec))
    }

    async fn set(&self, bucket: &str, key: &str, value: Vec<u8>) -> Result<(), KeyValueError> {
        check_value(bucket, key, &value)?;
        self.change(&Place { bucket, key }, |_| (Some(value), ()));
        Ok(())
    }

    async fn delete(&self, bucket: &str, key: &str) -> Result<(), KeyValueError> {
        check_key(bucket, key)?;
        let (mut order, _) = self.lock();
        if let Some(stored) = self.entries.remove(&Place { bucket, key }) {
            order.remove(&stored);
        }
        self.note_first_expiry(&order);
        Ok(())
    }

    async fn exists(&self, bucket: &str, key: &str) -> Result<bool, KeyValueError> {
        check_key(bucket, key)?;
        let now = self.now();
        Ok(self.entries.read(&Place { bucket, key }, now, |_| ()).is_some())
    }

    async fn list_keys(&self, bucket: &str, cursor: Option<&str>) -> Result<KeyPage, KeyValueError> {
        check_bucket(bucket)?;
        let (order, now) = self.lock();
        Ok(order.page(bucket, cursor, PAGE, now))
    }

    async fn increment(&self, bucket: &str, key: &str, delta: i64) -> Result<i64, KeyValueError> {
        check_key(bucket, key)?;
        let place = Place { bucket, key };
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
        Ok(self.change(&Place { bucket, key }, |present| {
            let equal = present == expected;
            (equal.then_some(value), equal)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::{Duration, UNIX_EPOCH};

    fn lifetimes(seconds: &Arc<AtomicU64>) -> Lifetimes {
        let seconds = seconds.clone();
        let clock = Clock::from_fn(move || UNIX_EPOCH + Duration::from_secs(seconds.load(Ordering::Relaxed)));
        Lifetimes::new(clock, Duration::from_secs(100))
    }

    #[tokio::test]
    async fn beyond_the_limit_the_entries_that_expire_first_are_removed() {
        let seconds = Arc::new(AtomicU64::new(1000));
        let memory = Memory::with_limit(lifetimes(&seconds), 10_000);
        for number in 0..10 {
            seconds.fetch_add(1, Ordering::Relaxed);
            memory.set("b", &number.to_string(), vec![0; 1000]).await.expect("it is set");
        }
        seconds.fetch_add(1, Ordering::Relaxed);
        memory.increment("b", "counter", 1).await.expect("it is counted");
        let page = memory.list_keys("b", None).await.expect("keys");
        assert_eq!(page.keys, ["3", "4", "5", "6", "7", "8", "9", "counter"]);
        assert!(memory.lock().0.bytes() <= 10_000);

        memory.set("b", "large", vec![0; 9000]).await.expect("it is set");
        assert!(memory.exists("b", "large").await.expect("an answer"));
        assert!(memory.lock().0.bytes() <= 10_000);
    }

    #[tokio::test]
    async fn expired_entries_are_removed_over_several_calls() {
        let seconds = Arc::new(AtomicU64::new(1000));
        let memory = Memory::new(lifetimes(&seconds));
        for number in 0..SWEEP + 1 {
            memory.set("b", &number.to_string(), b"value".to_vec()).await.expect("it is set");
        }
        seconds.store(1101, Ordering::Relaxed);
        assert!(memory.list_keys("b", None).await.expect("keys").keys.is_empty());
        assert_eq!(memory.entries.len(), 1);
        assert_eq!(memory.get("b", "0").await, Ok(None));
        assert_eq!(memory.entries.len(), 0);
        assert!(memory.order.lock().expect("no panic").is_empty());
    }

    /// Runs a call on a thread of its own, and fails if the call waits for a lock that this thread holds.
    fn without_waiting<T: Send + 'static>(call: impl Future<Output = T> + Send + 'static) -> T {
        let (sender, result) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            _ = sender.send(runtime.block_on(call));
        });
        result.recv_timeout(Duration::from_secs(30)).expect("the call does not wait")
    }

    #[tokio::test]
    async fn reads_and_repeated_counts_take_no_lock_that_all_calls_share() {
        let seconds = Arc::new(AtomicU64::new(1000));
        let memory = Arc::new(Memory::new(lifetimes(&seconds)));
        memory.set("b", "key", b"value".to_vec()).await.expect("it is set");
        memory.increment("b", "count", 1).await.expect("it is counted");
        let order = memory.order.lock().expect("no panic");
        let (reader, counter) = (Arc::clone(&memory), Arc::clone(&memory));
        let read = async move { (reader.get("b", "key").await, reader.exists("b", "none").await) };
        assert_eq!(without_waiting(read), (Ok(Some(b"value".to_vec())), Ok(false)));
        assert_eq!(without_waiting(async move { counter.increment("b", "count", 2).await }), Ok(3));
        // An expired entry waits for its removal, and is not found.
        seconds.store(1101, Ordering::Relaxed);
        let reader = Arc::clone(&memory);
        assert_eq!(without_waiting(async move { reader.get("b", "key").await }), Ok(None));
        assert_eq!(memory.entries.len(), 2);
        drop(order);
        assert_eq!(memory.get("b", "key").await, Ok(None));
        assert_eq!(memory.entries.len(), 0);
    }

    /// Counts on both paths, and swaps, while the clock moves entries in the order of expiry.
    #[test]
    fn concurrent_counts_and_swaps_are_all_kept() {
        const ROUNDS: i64 = 2000;
        let seconds = Arc::new(AtomicU64::new(1000));
        let memory = Arc::new(Memory::new(lifetimes(&seconds)));
        let runtime = || tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (memory, seconds) = (Arc::clone(&memory), Arc::clone(&seconds));
                scope.spawn(move || {
                    runtime().block_on(async move {
                        for round in 0..ROUNDS {
                            if thread > 0 {
                                memory.increment("b", "n", 1).await.expect("it is counted");
                                continue;
                            }
                            if round % 50 == 0 {
                                seconds.fetch_add(1, Ordering::Relaxed);
                            }
                            while !add_by_swapping(&memory, 1).await {}
                        }
                    });
                });
            }
        });
        assert_eq!(runtime().block_on(memory.increment("b", "n", 0)), Ok(4 * ROUNDS));
    }

    async fn add_by_swapping(memory: &Memory, delta: i64) -> bool {
        let seen = memory.get("b", "n").await.expect("an answer");
        let sum = number::add(seen.as_deref(), delta).expect("a number").to_string();
        memory.compare_and_swap("b", "n", seen.as_deref(), sum.into_bytes()).await.expect("an answer")
    }
}
