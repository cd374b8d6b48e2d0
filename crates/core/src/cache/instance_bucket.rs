//! The instance bucket: a bucket in the memory of one instance, for hosts without a key-value store that
//! outlives a request. It is of use where an instance serves more than one request. Its entries are in
//! envelopes, as in any bucket.

use crate::ports::StoreError;
use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

/// The maximum number of entries.
pub const MAXIMUM_ENTRIES: usize = 4096;

/// The maximum size of the values of all entries together, in bytes. A larger value is not stored.
pub const MAXIMUM_BYTES: usize = 8 * 1024 * 1024;

/// The maximum number of numbers. They stand for leases, so each belongs to a call that is under way.
pub const MAXIMUM_NUMBERS: usize = 1024;

/// Keys, and values or numbers. If the bucket is full, a write removes the entries that were written longest
/// ago. Numbers have a space of their own, so that requests for made-up accounts remove no entry.
#[derive(Debug)]
pub struct InstanceBucket {
    values: Space<Vec<u8>>,
    numbers: Space<u64>,
}

impl InstanceBucket {
    /// An empty bucket.
    pub const fn new() -> Self {
        Self {
            values: Space::new(MAXIMUM_ENTRIES, MAXIMUM_BYTES),
            numbers: Space::new(MAXIMUM_NUMBERS, usize::MAX),
        }
    }

    /// The value under `key`. A number is a little-endian `u64`.
    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        let number = || self.numbers.get(key).map(|number| number.to_le_bytes().to_vec());
        self.values.get(key).cloned().or_else(number)
    }

    /// Writes `value` under `key`. If `value` has more than [`MAXIMUM_BYTES`], only removes the old value.
    pub fn set(&mut self, key: &str, value: &[u8]) {
        self.delete(key);
        self.values.put(key, value.to_vec(), value.len());
    }

    /// Removes `key`. A missing key is not an error.
    pub fn delete(&mut self, key: &str) {
        self.values.remove(key);
        self.numbers.remove(key);
    }

    /// Adds `delta` to the number under `key`, which is 0 if there is none, and returns the sum.
    ///
    /// # Errors
    /// [`StoreError::Failed`] if the value is not a number, or if the sum does not fit into a `u64`.
    pub fn increment(&mut self, key: &str, delta: u64) -> Result<u64, StoreError> {
        if self.values.get(key).is_some() {
            return Err(StoreError::Failed);
        }
        let number = self.numbers.get(key).copied().unwrap_or_default();
        let sum = number.checked_add(delta).ok_or(StoreError::Failed)?;
        self.numbers.put(key, sum, size_of::<u64>());
        Ok(sum)
    }
}

impl Default for InstanceBucket {
    fn default() -> Self {
        Self::new()
    }
}

/// Things under keys, up to a number of things and a number of bytes.
#[derive(Debug)]
struct Space<T> {
    maximum_length: usize,
    maximum_bytes: usize,
    /// Each thing with its size and the number of its write.
    things: BTreeMap<String, (T, usize, u64)>,
    /// The keys in the order in which they were written.
    order: BTreeMap<u64, String>,
    bytes: usize,
    writes: u64,
}

impl<T> Space<T> {
    const fn new(maximum_length: usize, maximum_bytes: usize) -> Self {
        Self {
            maximum_length,
            maximum_bytes,
            things: BTreeMap::new(),
            order: BTreeMap::new(),
            bytes: 0,
            writes: 0,
        }
    }

    fn get(&self, key: &str) -> Option<&T> {
        self.things.get(key).map(|(thing, _, _)| thing)
    }

    fn put(&mut self, key: &str, thing: T, size: usize) {
        self.remove(key);
        if size > self.maximum_bytes {
            return;
        }
        self.writes += 1;
        self.bytes += size;
        self.things.insert(key.to_owned(), (thing, size, self.writes));
        self.order.insert(self.writes, key.to_owned());
        while self.things.len() > self.maximum_length || self.bytes > self.maximum_bytes {
            let Some((_, oldest)) = self.order.pop_first() else { return };
            self.remove(&oldest);
        }
    }

    fn remove(&mut self, key: &str) {
        if let Some((_, size, write)) = self.things.remove(key) {
            self.bytes -= size;
            self.order.remove(&write);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_overwritten_and_removed() {
        let mut bucket = InstanceBucket::default();
        assert_eq!(bucket.get("a"), None);
        bucket.set("a", b"one");
        bucket.set("a", b"two");
        assert_eq!((bucket.get("a").unwrap(), bucket.values.things.len()), (b"two".to_vec(), 1));
        bucket.delete("a");
        bucket.delete("a");
        assert_eq!((bucket.get("a"), bucket.values.bytes, bucket.values.order.len()), (None, 0, 0));
    }

    #[test]
    fn the_entry_that_was_written_longest_ago_is_removed() {
        let mut bucket = InstanceBucket::new();
        for number in 0..MAXIMUM_ENTRIES {
            bucket.set(&number.to_string(), b"value");
        }
        bucket.set("0", b"newer");
        bucket.set("more", b"value");
        assert_eq!(bucket.values.things.len(), MAXIMUM_ENTRIES);
        assert_eq!((bucket.get("0").unwrap(), bucket.get("1")), (b"newer".to_vec(), None));
        assert!(bucket.get("2").is_some());
    }

    #[test]
    fn the_bytes_are_bounded() {
        let mut bucket = InstanceBucket::new();
        let half = vec![0; MAXIMUM_BYTES / 2];
        for key in ["a", "b", "c"] {
            bucket.set(key, &half);
        }
        assert_eq!((bucket.get("a"), bucket.values.bytes), (None, MAXIMUM_BYTES));
        // All of the bytes can belong to one value.
        assert_eq!(MAXIMUM_BYTES, 8_388_608);
        bucket.set("all", &vec![0; MAXIMUM_BYTES]);
        assert_eq!(
            (bucket.get("all").map(|value| value.len()), bucket.get("b")),
            (Some(MAXIMUM_BYTES), None)
        );
        bucket.set("b", &half);
        bucket.set("c", &half);
        // A value that is too large still removes the old value.
        bucket.set("b", &vec![0; MAXIMUM_BYTES + 1]);
        assert_eq!((bucket.get("b"), bucket.get("c")), (None, Some(half)));
    }

    #[test]
    fn numbers_are_counted() {
        let mut bucket = InstanceBucket::new();
        assert_eq!(bucket.increment("n", 1), Ok(1));
        assert_eq!(bucket.increment("n", 41), Ok(42));
        assert_eq!(bucket.increment("n", u64::MAX), Err(StoreError::Failed));
        assert_eq!(bucket.increment("n", 0), Ok(42));
        assert_eq!(bucket.get("n").unwrap(), 42_u64.to_le_bytes());
        bucket.delete("n");
        assert_eq!(bucket.increment("n", 1), Ok(1));
        bucket.set("n", b"text");
        assert_eq!(bucket.get("n").unwrap(), b"text");
        assert_eq!(bucket.increment("n", 1), Err(StoreError::Failed));
    }

    /// Numbers of leases come with each request, also with one for a made-up account.
    #[test]
    fn many_numbers_remove_no_entry() {
        let mut bucket = InstanceBucket::new();
        for number in 0..MAXIMUM_ENTRIES {
            bucket.set(&number.to_string(), b"value");
        }
        for number in 0..2 * MAXIMUM_NUMBERS {
            assert_eq!(bucket.increment(&format!("n{number}"), 1), Ok(1));
        }
        assert!((0..MAXIMUM_ENTRIES).all(|number| bucket.get(&number.to_string()).is_some()));
        assert_eq!(bucket.numbers.things.len(), MAXIMUM_NUMBERS);
        assert_eq!((bucket.get("n0"), bucket.increment("n2000", 1)), (None, Ok(2)));
    }
}
