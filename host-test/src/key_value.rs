//! The key-value store of a test: a store in memory that can fail, delay and record operations.

mod limits;
mod read_cache;
#[cfg(test)]
mod tests;

use crate::lock;
use async_trait::async_trait;
use credwell_host::{Flavour, KeyPage, KeyValue, KeyValueError};
use limits::Limited;
use read_cache::ReadCache;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The bucket of a new store.
pub const DEFAULT_BUCKET: &str = "default";

/// A key-value store in memory. Clones share the entries, as the instances of a real host do.
#[derive(Clone)]
pub struct MemoryKeyValue(Arc<Mutex<Contents>>);

struct Contents {
    buckets: BTreeSet<String>,
    /// The values by bucket and key.
    entries: BTreeMap<(String, String), Vec<u8>>,
    errors: HashMap<Operation, KeyValueError>,
    delays: HashMap<Operation, Duration>,
    operations: Vec<RecordedOperation>,
    /// The sum that every increment returns, in place of the real one.
    false_sum: Option<i64>,
    /// Whether an open bucket keeps the values that were read through it.
    caches_reads: bool,
}

/// The kinds of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Opening a bucket.
    Open,
    /// Reading a value.
    Get,
    /// Writing a value.
    Set,
    /// Removing a value.
    Delete,
    /// The check whether a key has a value.
    Exists,
    /// Listing keys.
    ListKeys,
    /// `atomics.increment`.
    Increment,
    /// `atomics.swap`.
    CompareAndSwap,
}

/// One operation that a component has called, successful or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedOperation {
    /// The kind of the operation.
    pub operation: Operation,
    /// The bucket's name.
    pub bucket: String,
    /// The key. `None` for [`Operation::Open`] and [`Operation::ListKeys`].
    pub key: Option<String>,
}

impl Default for MemoryKeyValue {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryKeyValue {
    /// Creates an empty store with one bucket, [`DEFAULT_BUCKET`].
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Contents {
            buckets: BTreeSet::from([DEFAULT_BUCKET.to_owned()]),
            entries: BTreeMap::new(),
            errors: HashMap::new(),
            delays: HashMap::new(),
            operations: Vec::new(),
            false_sum: None,
            caches_reads: false,
        })))
    }

    /// The store as the hosts of a flavour serve it. Spin refuses long keys and large values.
    pub fn of(&self, flavour: Flavour) -> Arc<dyn KeyValue> {
        let store: Arc<dyn KeyValue> = match flavour {
            Flavour::Wasmtime => Arc::new(self.clone()),
            Flavour::Spin => Arc::new(Limited(self.clone())),
        };
        Arc::new(ReadCache::new(self.clone(), store))
    }

    /// Adds an empty bucket, unless the bucket exists.
    pub fn add_bucket(&self, name: impl Into<String>) {
        lock(&self.0).buckets.insert(name.into());
    }

    /// Removes a bucket and its entries. Then the bucket can't be opened.
    pub fn remove_bucket(&self, name: &str) {
        let mut contents = lock(&self.0);
        contents.buckets.remove(name);
        contents.entries.retain(|(bucket, _), _| bucket != name);
    }

    /// All entries as (bucket, key, value), in the order of buckets and keys.
    pub fn entries(&self) -> Vec<(String, String, Vec<u8>)> {
        let contents = lock(&self.0);
        let entries = contents.entries.iter();
        entries.map(|((bucket, key), value)| (bucket.clone(), key.clone(), value.clone())).collect()
    }

    /// Writes an entry directly. The write is not recorded.
    pub fn put(&self, bucket: impl Into<String>, key: impl Into<String>, value: impl Into<Vec<u8>>) {
        lock(&self.0).entries.insert((bucket.into(), key.into()), value.into());
    }

    /// Removes an entry directly. The removal is not recorded. Returns whether the entry existed.
    pub fn remove(&self, bucket: &str, key: &str) -> bool {
        lock(&self.0).entries.remove(&(bucket.to_owned(), key.to_owned())).is_some()
    }

    /// Makes every operation of this kind fail with this error, until [`MemoryKeyValue::recover`].
    pub fn fail(&self, operation: Operation, error: KeyValueError) {
        lock(&self.0).errors.insert(operation, error);
    }

    /// Ends the effect of [`MemoryKeyValue::fail`] and [`MemoryKeyValue::delay`].
    pub fn recover(&self) {
        let mut contents = lock(&self.0);
        contents.errors.clear();
        contents.delays.clear();
    }

    /// Delays every operation of this kind by `delay` of tokio's time, before the operation has its effect or
    /// fails.
    pub fn delay(&self, operation: Operation, delay: Duration) {
        lock(&self.0).delays.insert(operation, delay);
    }

    /// Makes every increment return this sum and count nothing.
    pub fn count_falsely(&self, sum: i64) {
        lock(&self.0).false_sum = Some(sum);
    }

    /// Makes each open bucket keep the values that are read through it, missing ones included, until the
    /// component opens a bucket again. Spin 3.0 and 3.1 do this.
    pub fn cache_reads(&self) {
        lock(&self.0).caches_reads = true;
    }

    /// All operations so far, in order.
    pub fn operations(&self) -> Vec<RecordedOperation> {
        lock(&self.0).operations.clone()
    }

    /// The number of operations of this kind so far.
    pub fn count(&self, operation: Operation) -> usize {
        let contents = lock(&self.0);
        contents.operations.iter().filter(|recorded| recorded.operation == operation).count()
    }

    async fn begin(
        &self,
        operation: Operation,
        bucket: &str,
        key: Option<&str>,
    ) -> Result<(), KeyValueError> {
        let delay = {
            let mut contents = lock(&self.0);
            contents.operations.push(RecordedOperation {
                operation,
                bucket: bucket.to_owned(),
                key: key.map(str::to_owned),
            });
            contents.delays.get(&operation).copied()
        };
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
        match lock(&self.0).errors.get(&operation) {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl KeyValue for MemoryKeyValue {
    async fn open(&self, bucket: &str) -> Result<(), KeyValueError> {
        self.begin(Operation::Open, bucket, None).await?;
        if lock(&self.0).buckets.contains(bucket) { Ok(()) } else { Err(KeyValueError::NoSuchBucket) }
    }

    async fn get(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        self.begin(Operation::Get, bucket, Some(key)).await?;
        Ok(lock(&self.0).entries.get(&entry_key(bucket, key)).cloned())
    }

    async fn set(&self, bucket: &str, key: &str, value: Vec<u8>) -> Result<(), KeyValueError> {
        self.begin(Operation::Set, bucket, Some(key)).await?;
        lock(&self.0).entries.insert(entry_key(bucket, key), value);
        Ok(())
    }

    async fn delete(&self, bucket: &str, key: &str) -> Result<(), KeyValueError> {
        self.begin(Operation::Delete, bucket, Some(key)).await?;
        lock(&self.0).entries.remove(&entry_key(bucket, key));
        Ok(())
    }

    async fn exists(&self, bucket: &str, key: &str) -> Result<bool, KeyValueError> {
        self.begin(Operation::Exists, bucket, Some(key)).await?;
        Ok(lock(&self.0).entries.contains_key(&entry_key(bucket, key)))
    }

    /// A page has two keys, so a test needs few keys for several pages.
    async fn list_keys(&self, bucket: &str, cursor: Option<&str>) -> Result<KeyPage, KeyValueError> {
        self.begin(Operation::ListKeys, bucket, None).await?;
        let contents = lock(&self.0);
        let keys = contents.entries.keys().filter(|(name, _)| name == bucket).map(|(_, key)| key);
        let mut rest = keys.filter(|key| cursor.is_none_or(|cursor| key.as_str() > cursor));
        let keys: Vec<String> = rest.by_ref().take(2).cloned().collect();
        let cursor = rest.next().and_then(|_| keys.last().cloned());
        Ok(KeyPage { keys, cursor })
    }

    /// A number is stored as decimal text. Another value makes the operation fail.
    async fn increment(&self, bucket: &str, key: &str, delta: i64) -> Result<i64, KeyValueError> {
        self.begin(Operation::Increment, bucket, Some(key)).await?;
        let mut contents = lock(&self.0);
        if let Some(sum) = contents.false_sum {
            return Ok(sum);
        }
        let value = contents.entries.entry(entry_key(bucket, key)).or_insert_with(|| b"0".to_vec());
        let number = std::str::from_utf8(value).ok().and_then(|text| text.parse::<i64>().ok());
        let sum = number.and_then(|number| number.checked_add(delta));
        let sum = sum.ok_or_else(|| KeyValueError::Failed("the value is not a number".to_owned()))?;
        *value = sum.to_string().into_bytes();
        Ok(sum)
    }

    async fn compare_and_swap(
        &self,
        bucket: &str,
        key: &str,
        expected: Option<&[u8]>,
        value: Vec<u8>,
    ) -> Result<bool, KeyValueError> {
        self.begin(Operation::CompareAndSwap, bucket, Some(key)).await?;
        let mut contents = lock(&self.0);
        let is_expected = contents.entries.get(&entry_key(bucket, key)).map(Vec::as_slice) == expected;
        if is_expected {
            contents.entries.insert(entry_key(bucket, key), value);
        }
        Ok(is_expected)
    }
}

fn entry_key(bucket: &str, key: &str) -> (String, String) {
    (bucket.to_owned(), key.to_owned())
}
