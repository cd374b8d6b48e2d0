//! `wasi:keyvalue`: a store in memory that fails, waits and tells on demand.

mod serve;

use crate::lock;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The bucket that a new store has.
pub const DEFAULT_BUCKET: &str = "default";

/// A key-value store in memory. Clones share it, as the instances of a real host share theirs.
#[derive(Clone)]
pub struct MemoryKeyValue(Arc<Mutex<Contents>>);

struct Contents {
    buckets: BTreeSet<String>,
    /// By bucket and key.
    entries: BTreeMap<(String, String), Vec<u8>>,
    failures: HashMap<Operation, KeyValueFailure>,
    delays: HashMap<Operation, Duration>,
    operations: Vec<RecordedOperation>,
}

/// What a component can ask of the store.
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
    /// `atomics.increment`.
    Increment,
}

/// How an operation fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyValueFailure {
    /// The host knows no bucket of this name.
    NoSuchStore,
    /// The component may not use the bucket.
    AccessDenied,
    /// Anything else, in the host's words.
    Other(String),
}

/// One operation that a component asked for, whether it succeeded or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedOperation {
    /// What was asked for.
    pub operation: Operation,
    /// The bucket's name.
    pub bucket: String,
    /// The key. None for [`Operation::Open`].
    pub key: Option<String>,
}

impl Default for MemoryKeyValue {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryKeyValue {
    /// An empty store with one bucket, [`DEFAULT_BUCKET`].
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Contents {
            buckets: BTreeSet::from([DEFAULT_BUCKET.to_owned()]),
            entries: BTreeMap::new(),
            failures: HashMap::new(),
            delays: HashMap::new(),
            operations: Vec::new(),
        })))
    }

    /// Adds an empty bucket, if there is none of this name.
    pub fn add_bucket(&self, name: impl Into<String>) {
        lock(&self.0).buckets.insert(name.into());
    }

    /// Removes a bucket and its entries. Opening it then fails.
    pub fn remove_bucket(&self, name: &str) {
        let mut contents = lock(&self.0);
        contents.buckets.remove(name);
        contents.entries.retain(|(bucket, _), _| bucket != name);
    }

    /// Every entry, as (bucket, key, value), in the order of buckets and keys.
    pub fn entries(&self) -> Vec<(String, String, Vec<u8>)> {
        let contents = lock(&self.0);
        let entries = contents.entries.iter();
        entries.map(|((bucket, key), value)| (bucket.clone(), key.clone(), value.clone())).collect()
    }

    /// Writes an entry behind the component's back.
    pub fn put(&self, bucket: impl Into<String>, key: impl Into<String>, value: impl Into<Vec<u8>>) {
        lock(&self.0).entries.insert((bucket.into(), key.into()), value.into());
    }

    /// Removes an entry behind the component's back, and says whether it was there.
    pub fn remove(&self, bucket: &str, key: &str) -> bool {
        lock(&self.0).entries.remove(&(bucket.to_owned(), key.to_owned())).is_some()
    }

    /// Makes every operation of this kind fail, until [`MemoryKeyValue::recover`].
    pub fn fail(&self, operation: Operation, failure: KeyValueFailure) {
        lock(&self.0).failures.insert(operation, failure);
    }

    /// Ends all failures and delays.
    pub fn recover(&self) {
        let mut contents = lock(&self.0);
        contents.failures.clear();
        contents.delays.clear();
    }

    /// Makes every operation of this kind take `delay` of tokio's time before it has its effect or fails.
    pub fn delay(&self, operation: Operation, delay: Duration) {
        lock(&self.0).delays.insert(operation, delay);
    }

    /// Every operation so far, in order.
    pub fn operations(&self) -> Vec<RecordedOperation> {
        lock(&self.0).operations.clone()
    }

    /// How many operations of this kind there were so far.
    pub fn count(&self, operation: Operation) -> usize {
        let contents = lock(&self.0);
        contents.operations.iter().filter(|recorded| recorded.operation == operation).count()
    }

    async fn begin(
        &self,
        operation: Operation,
        bucket: &str,
        key: Option<&str>,
    ) -> Result<(), KeyValueFailure> {
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
        match lock(&self.0).failures.get(&operation) {
            Some(failure) => Err(failure.clone()),
            None => Ok(()),
        }
    }

    async fn open(&self, bucket: &str) -> Result<Bucket, KeyValueFailure> {
        self.begin(Operation::Open, bucket, None).await?;
        if lock(&self.0).buckets.contains(bucket) {
            Ok(Bucket(bucket.to_owned()))
        } else {
            Err(KeyValueFailure::NoSuchStore)
        }
    }

    async fn get(&self, bucket: &str, key: String) -> Result<Option<Vec<u8>>, KeyValueFailure> {
        self.begin(Operation::Get, bucket, Some(&key)).await?;
        Ok(lock(&self.0).entries.get(&(bucket.to_owned(), key)).cloned())
    }

    async fn set(&self, bucket: &str, key: String, value: Vec<u8>) -> Result<(), KeyValueFailure> {
        self.begin(Operation::Set, bucket, Some(&key)).await?;
        lock(&self.0).entries.insert((bucket.to_owned(), key), value);
        Ok(())
    }

    async fn delete(&self, bucket: &str, key: String) -> Result<(), KeyValueFailure> {
        self.begin(Operation::Delete, bucket, Some(&key)).await?;
        lock(&self.0).entries.remove(&(bucket.to_owned(), key));
        Ok(())
    }

    /// Numbers are kept as decimal text. What is no number counts as a failure of the store.
    async fn increment(&self, bucket: &str, key: String, delta: i64) -> Result<i64, KeyValueFailure> {
        self.begin(Operation::Increment, bucket, Some(&key)).await?;
        let mut contents = lock(&self.0);
        let entry = contents.entries.entry((bucket.to_owned(), key)).or_insert_with(|| b"0".to_vec());
        let number = std::str::from_utf8(entry).ok().and_then(|text| text.parse::<i64>().ok());
        let sum = number.and_then(|number| number.checked_add(delta));
        let sum = sum.ok_or_else(|| KeyValueFailure::Other("the value is no number".to_owned()))?;
        *entry = sum.to_string().into_bytes();
        Ok(sum)
    }
}

/// A bucket that a component has opened.
pub struct Bucket(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failure_leaves_other_operations_alone_and_ends_with_the_recovery() {
        let store = MemoryKeyValue::new();
        store.put(DEFAULT_BUCKET, "key", b"before");
        store.fail(Operation::Set, KeyValueFailure::AccessDenied);

        let refused = store.set(DEFAULT_BUCKET, "key".into(), b"lost".to_vec()).await;
        assert_eq!(refused, Err(KeyValueFailure::AccessDenied));
        let read = store.get(DEFAULT_BUCKET, "key".into()).await;
        assert_eq!(read, Ok(Some(b"before".to_vec())));
        store.recover();
        let written = store.set(DEFAULT_BUCKET, "key".into(), b"after".to_vec()).await;
        assert_eq!(written, Ok(()));
        assert_eq!(store.entries(), [(DEFAULT_BUCKET.into(), "key".into(), b"after".to_vec())]);
        assert_eq!(store.count(Operation::Set), 2);
    }

    #[tokio::test]
    async fn only_known_buckets_open() {
        let store = MemoryKeyValue::new();
        assert!(store.open(DEFAULT_BUCKET).await.is_ok());
        assert_eq!(store.open("other").await.err(), Some(KeyValueFailure::NoSuchStore));
        store.add_bucket("other");
        assert!(store.open("other").await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_delayed_write_has_its_effect_at_the_end() {
        let store = MemoryKeyValue::new();
        store.delay(Operation::Set, Duration::from_secs(5));
        let writer = store.clone();
        let write =
            tokio::spawn(async move { writer.set(DEFAULT_BUCKET, "key".into(), b"value".to_vec()).await });

        tokio::time::sleep(Duration::from_secs(4)).await;
        assert!(store.entries().is_empty());
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(store.entries().len(), 1);
        assert_eq!(write.await.expect("the writer didn't panic"), Ok(()));
    }
}
