//! The store in the process's memory.

use crate::clock::Lifetimes;
use crate::key_value::{KeyPage, KeyValue, KeyValueError};
use crate::limits::{PAGE, check_bucket, check_key, check_value};
use crate::number;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The size limit of `memory:`, in bytes. Beyond it, the store removes the entries that expire first: those
/// that were not written for the longest time.
pub const MEMORY_LIMIT: usize = 256 * 1024 * 1024;

/// A generous estimate of an entry's memory beside its key and value, in bytes. It makes the limit hold for
/// small entries too.
const OVERHEAD: usize = 256;

/// The most expired entries that one call removes.
const SWEEP: usize = 64;

pub(crate) struct Memory {
    lifetimes: Lifetimes,
    limit: usize,
    contents: Mutex<Contents>,
}

/// Where an entry is: bucket and key.
type EntryKey = (String, String);

#[derive(Default)]
struct Contents {
    entries: BTreeMap<EntryKey, Entry>,
    /// The key of each entry, in the order of expiry.
    expiries: BTreeSet<(u64, EntryKey)>,
    bytes: usize,
}

struct Entry {
    /// The Unix second of expiry.
    expiry: u64,
    value: Vec<u8>,
}

impl Memory {
    pub(crate) fn new(lifetimes: Lifetimes) -> Self {
        Self::with_limit(lifetimes, MEMORY_LIMIT)
    }

    pub(crate) fn with_limit(lifetimes: Lifetimes, limit: usize) -> Self {
        Self { lifetimes, limit, contents: Mutex::default() }
    }

    /// Locks the contents, removes up to [`SWEEP`] expired entries, and returns the contents and the time.
    /// Further expired entries are removed by later calls: readers must compare an entry's expiry with the
    /// time.
    fn lock(&self) -> (MutexGuard<'_, Contents>, u64) {
        // The contents stay consistent even if another thread has panicked while it held the lock.
        let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.lifetimes.now();
        for _ in 0..SWEEP {
            match contents.expiries.first() {
                Some((expiry, _)) if *expiry <= now => contents.remove_first(),
                _ => break,
            }
        }
        (contents, now)
    }

    fn put(&self, contents: &mut Contents, now: u64, entry_key: EntryKey, value: Vec<u8>) {
        contents.remove(&entry_key);
        let expiry = self.lifetimes.expiry(now);
        contents.bytes += size(&entry_key, &value);
        contents.expiries.insert((expiry, entry_key.clone()));
        contents.entries.insert(entry_key, Entry { expiry, value });
        while contents.bytes > self.limit {
            contents.remove_first();
        }
    }
}

impl Contents {
    fn get(&self, entry_key: &EntryKey, now: u64) -> Option<&[u8]> {
        self.entries.get(entry_key).filter(|entry| now < entry.expiry).map(|entry| entry.value.as_slice())
    }

    fn remove(&mut self, entry_key: &EntryKey) {
        if let Some((entry_key, entry)) = self.entries.remove_entry(entry_key) {
            self.bytes -= size(&entry_key, &entry.value);
            self.expiries.remove(&(entry.expiry, entry_key));
        }
    }

    fn remove_first(&mut self) {
        if let Some((_, entry_key)) = self.expiries.first() {
            let entry_key = entry_key.clone();
            self.remove(&entry_key);
        }
    }
}

fn size((bucket, key): &EntryKey, value: &[u8]) -> usize {
    // `entries` and `expiries` each hold a copy of the key.
    2 * (bucket.len() + key.len()) + value.len() + OVERHEAD
}

fn entry_key(bucket: &str, key: &str) -> EntryKey {
    (bucket.to_owned(), key.to_owned())
}

#[async_trait::async_trait]
impl KeyValue for Memory {
    async fn open(&self, bucket: &str) -> Result<(), KeyValueError> {
        check_bucket(bucket)
    }

    async fn get(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        check_key(bucket, key)?;
        let (contents, now) = self.lock();
        Ok(contents.get(&entry_key(bucket, key), now).map(<[u8]>::to_vec))
    }

    async fn set(&self, bucket: &str, key: &str, value: Vec<u8>) -> Result<(), KeyValueError> {
        check_value(bucket, key, &value)?;
        let (mut contents, now) = self.lock();
        self.put(&mut contents, now, entry_key(bucket, key), value);
        Ok(())
    }

    async fn delete(&self, bucket: &str, key: &str) -> Result<(), KeyValueError> {
        check_key(bucket, key)?;
        let (mut contents, _) = self.lock();
        contents.remove(&entry_key(bucket, key));
        Ok(())
    }

    async fn exists(&self, bucket: &str, key: &str) -> Result<bool, KeyValueError> {
        check_key(bucket, key)?;
        let (contents, now) = self.lock();
        Ok(contents.get(&entry_key(bucket, key), now).is_some())
    }

    async fn list_keys(&self, bucket: &str, cursor: Option<&str>) -> Result<KeyPage, KeyValueError> {
        check_bucket(bucket)?;
        let (contents, now) = self.lock();
        let start = match cursor {
            None => Bound::Included(entry_key(bucket, "")),
            Some(last) => Bound::Excluded(entry_key(bucket, last)),
        };
        let in_bucket = contents.entries.range((start, Bound::Unbounded));
        let in_bucket = in_bucket.take_while(|((other, _), _)| other == bucket);
        let page: Vec<_> = in_bucket.take(PAGE).collect();
        let cursor = if page.len() < PAGE { None } else { page.last().map(|((_, key), _)| key.clone()) };
        let alive = page.into_iter().filter(|(_, entry)| now < entry.expiry);
        Ok(KeyPage { keys: alive.map(|((_, key), _)| key.clone()).collect(), cursor })
    }

    async fn increment(&self, bucket: &str, key: &str, delta: i64) -> Result<i64, KeyValueError> {
        check_key(bucket, key)?;
        let (mut contents, now) = self.lock();
        let entry_key = entry_key(bucket, key);
        let sum = number::add(contents.get(&entry_key, now), delta)?;
        self.put(&mut contents, now, entry_key, sum.to_string().into_bytes());
        Ok(sum)
    }

    async fn compare_and_swap(
        &self,
        bucket: &str,
        key: &str,
        expected: Option<&[u8]>,
        value: Vec<u8>,
    ) -> Result<bool, KeyValueError> {
        check_value(bucket, key, &value)?;
        let (mut contents, now) = self.lock();
        let entry_key = entry_key(bucket, key);
        let equal = contents.get(&entry_key, now) == expected;
        if equal {
            self.put(&mut contents, now, entry_key, value);
        }
        Ok(equal)
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
        assert!(memory.lock().0.bytes <= 10_000);

        memory.set("b", "large", vec![0; 9000]).await.expect("it is set");
        assert!(memory.exists("b", "large").await.expect("an answer"));
        assert!(memory.lock().0.bytes <= 10_000);
    }

    #[tokio::test]
    async fn an_opened_store_can_have_a_limit_of_its_own() {
        let memory = crate::memory_with_limit(10_000);
        for number in 0..20 {
            memory.set("b", &number.to_string(), vec![0; 1000]).await.expect("it is set");
        }
        let keys = memory.list_keys("b", None).await.expect("keys").keys.len();
        assert!((1..10).contains(&keys), "{keys}");
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
        assert_eq!(memory.contents.lock().expect("no panic").entries.len(), 1);
        assert_eq!(memory.get("b", "0").await, Ok(None));
        let contents = memory.contents.lock().expect("no panic");
        assert_eq!((contents.entries.len(), contents.expiries.len(), contents.bytes), (0, 0, 0));
    }
}
