//! The instance bucket: a small bucket in the memory of one instance, for hosts without a key-value store
//! that outlives a request. It is of use where an instance serves more than one request. Its entries are in
//! envelopes, as in any bucket.

use crate::ports::StoreError;
use std::collections::VecDeque;

/// The maximum number of entries.
pub const MAXIMUM_ENTRIES: usize = 64;

/// The maximum size of the values of all entries together, in bytes. A larger value is not stored.
pub const MAXIMUM_BYTES: usize = 1024 * 1024;

/// Keys and values. If the bucket is full, a write removes the entries that were written longest ago.
#[derive(Debug, Default)]
pub struct InstanceBucket {
    /// In the order in which they were written.
    entries: VecDeque<(String, Vec<u8>)>,
}

impl InstanceBucket {
    /// An empty bucket.
    pub const fn new() -> Self {
        Self { entries: VecDeque::new() }
    }

    /// The value under `key`.
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.entries.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_slice())
    }

    /// Writes `value` under `key`. If `value` has more than [`MAXIMUM_BYTES`], only removes the old value.
    pub fn set(&mut self, key: &str, value: &[u8]) {
        self.delete(key);
        if value.len() > MAXIMUM_BYTES {
            return;
        }
        self.entries.push_back((key.to_owned(), value.to_vec()));
        while self.entries.len() > MAXIMUM_ENTRIES || self.bytes() > MAXIMUM_BYTES {
            self.entries.pop_front();
        }
    }

    /// Removes `key`. A missing key is not an error.
    pub fn delete(&mut self, key: &str) {
        self.entries.retain(|(known, _)| known != key);
    }

    /// Adds `delta` to the number under `key`, which is 0 if there is none, and returns the sum. The number
    /// is a little-endian `u64`.
    ///
    /// # Errors
    /// [`StoreError::Failed`] if the value is not a number, or if the sum does not fit into a `u64`.
    pub fn increment(&mut self, key: &str, delta: u64) -> Result<u64, StoreError> {
        let number = match self.get(key) {
            Some(value) => value.try_into().map(u64::from_le_bytes).map_err(|_| StoreError::Failed)?,
            None => 0,
        };
        let sum = number.checked_add(delta).ok_or(StoreError::Failed)?;
        self.set(key, &sum.to_le_bytes());
        Ok(sum)
    }

    fn bytes(&self) -> usize {
        self.entries.iter().map(|(_, value)| value.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_overwritten_and_removed() {
        let mut bucket = InstanceBucket::new();
        assert_eq!(bucket.get("a"), None);
        bucket.set("a", b"one");
        bucket.set("a", b"two");
        assert_eq!((bucket.get("a"), bucket.entries.len()), (Some(b"two".as_slice()), 1));
        bucket.delete("a");
        bucket.delete("a");
        assert_eq!(bucket.get("a"), None);
    }

    #[test]
    fn the_entry_that_was_written_longest_ago_is_removed() {
        let mut bucket = InstanceBucket::new();
        for number in 0..MAXIMUM_ENTRIES {
            bucket.set(&number.to_string(), b"value");
        }
        bucket.set("0", b"newer");
        bucket.set("more", b"value");
        assert_eq!(bucket.entries.len(), MAXIMUM_ENTRIES);
        assert_eq!((bucket.get("0"), bucket.get("1")), (Some(b"newer".as_slice()), None));
    }

    #[test]
    fn the_bytes_are_bounded() {
        let mut bucket = InstanceBucket::new();
        let half = vec![0; MAXIMUM_BYTES / 2];
        for key in ["a", "b", "c"] {
            bucket.set(key, &half);
        }
        assert_eq!((bucket.get("a"), bucket.bytes()), (None, MAXIMUM_BYTES));
        // A value that is too large still removes the old value.
        bucket.set("b", &vec![0; MAXIMUM_BYTES + 1]);
        assert_eq!((bucket.get("b"), bucket.get("c")), (None, Some(half.as_slice())));
    }

    #[test]
    fn numbers_are_counted() {
        let mut bucket = InstanceBucket::new();
        assert_eq!(bucket.increment("n", 1), Ok(1));
        assert_eq!(bucket.increment("n", 41), Ok(42));
        assert_eq!(bucket.increment("n", u64::MAX), Err(StoreError::Failed));
        assert_eq!(bucket.increment("n", 0), Ok(42));
        bucket.set("text", b"text");
        assert_eq!(bucket.increment("text", 1), Err(StoreError::Failed));
    }
}
