//! A small bucket in the memory of one instance, for hosts whose key-value store doesn't outlive a request. It pays
//! where an instance answers more than one. Like any bucket it gets sealed entries.

use crate::ports::StoreError;
use std::collections::VecDeque;

/// The most entries that are kept.
pub const MAXIMUM_ENTRIES: usize = 64;

/// The most that the values of all entries have together, in bytes. A value of more is not kept.
pub const MAXIMUM_BYTES: usize = 1024 * 1024;

/// Keys and values. What was written longest ago makes room for what is new.
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

    /// Puts `value` under `key`.
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

    /// Removes `key`, whether it is there or not.
    pub fn delete(&mut self, key: &str) {
        self.entries.retain(|(known, _)| known != key);
    }

    /// Adds `delta` to the number under `key` and gives the sum.
    ///
    /// # Errors
    /// [`StoreError::Failed`] if what stands there is no number, or the sum is none.
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
    fn what_was_written_longest_ago_makes_room() {
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
        // What is not kept doesn't leave what it was to replace.
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
