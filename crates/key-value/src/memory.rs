//! Entries in the process's memory.

use crate::clock::Lifetimes;
use crate::key_value::{KeyPage, KeyValue, KeyValueError};
use crate::limits::{PAGE, check_bucket, check_key, check_value};
use crate::number;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The most that `memory:` holds, in bytes. Beyond it, the entries go that would expire first, which are those that were
/// not written for the longest time.
pub const MEMORY_LIMIT: usize = 256 * 1024 * 1024;

/// What an entry takes beside its key and value, in bytes, at a generous guess: so the limit holds for small ones too.
const OVERHEAD: usize = 256;

/// The most expired entries that one call removes.
const SWEEP: usize = 64;

pub(crate) struct Memory {
    lifetimes: Lifetimes,
    limit: usize,
    contents: Mutex<Contents>,
}

/// A bucket and a key.
type EntryKey = (String, String);

#[derive(Default)]
struct Contents {
    entries: BTreeMap<EntryKey, Entry>,
    /// Each entry, by its expiry.
    expiries: BTreeSet<(u64, EntryKey)>,
    bytes: usize,
}

struct Entry {
    /// A Unix second.
    expiry: u64,
    value: Vec<u8>,
}

impl Memory {
    pub(crate) fn new(lifetimes: Lifetimes) -> Self {
        Self::with_limit(lifetimes, MEMORY_LIMIT)
    }

    fn with_limit(lifetimes: Lifetimes, limit: usize) -> Self {
        Self { lifetimes, limit, contents: Mutex::default() }
    }

    /// The contents without what has expired, and the time. A backlog is removed over several calls, but what it holds
    /// is not seen by any.
    fn lock(&self) -> (MutexGuard<'_, Contents>, u64) {
        // Each change below leaves the contents whole, wherever another thread may have panicked.
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

    fn put(&self, contents: &mut Contents, now: u64, place: EntryKey, value: Vec<u8>) {
        contents.remove(&place);
        let expiry = self.lifetimes.expiry(now);
        contents.bytes += size(&place, &value);
        contents.expiries.insert((expiry, place.clone()));
        contents.entries.insert(place, Entry { expiry, value });
        while contents.bytes > self.limit {
            contents.remove_first();
        }
    }
}

impl Contents {
    fn get(&self, place: &EntryKey, now: u64) -> Option<&[u8]> {
        self.entries.get(place).filter(|entry| now < entry.expiry).map(|entry| entry.value.as_slice())
    }

    fn remove(&mut self, place: &EntryKey) {
        if let Some((place, entry)) = self.entries.remove_entry(place) {
            self.bytes -= size(&place, &entry.value);
            self.expiries.remove(&(entry.expiry, place));
        }
    }

    fn remove_first(&mut self) {
        if let Some((_, place)) = self.expiries.first() {
            let place = place.clone();
            self.remove(&place);
        }
    }
}

fn size((bucket, key): &EntryKey, value: &[u8]) -> usize {
    // The place is kept twice.
    2 * (bucket.len() + key.len()) + value.len() + OVERHEAD
}

fn place(bucket: &str, key: &str) -> EntryKey {
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
        Ok(contents.get(&place(bucket, key), now).map(<[u8]>::to_vec))
    }

    async fn set(&self, bucket: &str, key: &str, value: Vec<u8>) -> Result<(), KeyValueError> {
        check_value(bucket, key, &value)?;
        let (mut contents, now) = self.lock();
        self.put(&mut contents, now, place(bucket, key), value);
        Ok(())
    }

    async fn delete(&self, bucket: &str, key: &str) -> Result<(), KeyValueError> {
        check_key(bucket, key)?;
        let (mut contents, _) = self.lock();
        contents.remove(&place(bucket, key));
        Ok(())
    }

    async fn exists(&self, bucket: &str, key: &str) -> Result<bool, KeyValueError> {
        check_key(bucket, key)?;
        let (contents, now) = self.lock();
        Ok(contents.get(&place(bucket, key), now).is_some())
    }

    async fn list_keys(&self, bucket: &str, cursor: Option<&str>) -> Result<KeyPage, KeyValueError> {
        check_bucket(bucket)?;
        let (contents, now) = self.lock();
        let start = match cursor {
            None => Bound::Included(place(bucket, "")),
            Some(last) => Bound::Excluded(place(bucket, last)),
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
        let place = place(bucket, key);
        let sum = number::add(contents.get(&place, now), delta)?;
        self.put(&mut contents, now, place, sum.to_string().into_bytes());
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
        let place = place(bucket, key);
        let equal = contents.get(&place, now) == expected;
        if equal {
            self.put(&mut contents, now, place, value);
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
    async fn beyond_the_limit_those_go_that_would_expire_first() {
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
    async fn what_has_expired_is_removed_bit_by_bit() {
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
