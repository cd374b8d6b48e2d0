//! The cache of an open bucket: values that were read through it, as Spin 3.0 and 3.1 keep them.
//!
//! [`KeyValue`] names a bucket, and does not tell one open bucket from another. So an instance has one cache
//! here, for the bucket through which it reads entries. It has another bucket only for the lease that it
//! holds.

use super::MemoryKeyValue;
use crate::lock;
use async_trait::async_trait;
use credwell_host::{KeyPage, KeyValue, KeyValueError};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::task;

/// A store whose open buckets cache reads after [`MemoryKeyValue::cache_reads`]. Before that call it is the
/// store below it.
pub(super) struct ReadCache {
    switch: MemoryKeyValue,
    store: Arc<dyn KeyValue>,
    /// The values that each instance has read since it opened a bucket. An instance runs in a task of its
    /// own.
    instances: Mutex<HashMap<task::Id, Values>>,
}

/// What one instance has read.
#[derive(Default)]
struct Values {
    /// Values by bucket and key. `None` is a missing value.
    read: HashMap<(String, String), Option<Vec<u8>>>,
    /// Whether the instance has acquired a lease, so that the next bucket that it opens is the lease's.
    opens_for_lease: bool,
}

impl ReadCache {
    pub(super) fn new(switch: MemoryKeyValue, store: Arc<dyn KeyValue>) -> Self {
        Self { switch, store, instances: Mutex::default() }
    }

    /// Does `work` with the values of the present instance. `None` if nothing is cached.
    fn with<T>(&self, work: impl FnOnce(&mut Values) -> T) -> Option<T> {
        let is_on = lock(&self.switch.0).caches_reads;
        let instance = task::try_id().filter(|_| is_on)?;
        Some(work(lock(&self.instances).entry(instance).or_default()))
    }

    fn put(&self, bucket: &str, key: &str, value: Option<Vec<u8>>) {
        self.with(|values| values.read.insert((bucket.to_owned(), key.to_owned()), value));
    }
}

#[async_trait]
impl KeyValue for ReadCache {
    async fn open(&self, bucket: &str) -> Result<(), KeyValueError> {
        self.with(|values| {
            if !std::mem::take(&mut values.opens_for_lease) {
                values.read.clear();
            }
        });
        self.store.open(bucket).await
    }

    async fn get(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        let entry = (bucket.to_owned(), key.to_owned());
        if let Some(value) = self.with(|values| values.read.get(&entry).cloned()).flatten() {
            return Ok(value);
        }
        let value = self.store.get(bucket, key).await?;
        self.put(bucket, key, value.clone());
        Ok(value)
    }

    async fn set(&self, bucket: &str, key: &str, value: Vec<u8>) -> Result<(), KeyValueError> {
        self.store.set(bucket, key, value.clone()).await?;
        self.put(bucket, key, Some(value));
        Ok(())
    }

    async fn delete(&self, bucket: &str, key: &str) -> Result<(), KeyValueError> {
        self.store.delete(bucket, key).await?;
        self.put(bucket, key, None);
        Ok(())
    }

    async fn exists(&self, bucket: &str, key: &str) -> Result<bool, KeyValueError> {
        self.store.exists(bucket, key).await
    }

    async fn list_keys(&self, bucket: &str, cursor: Option<&str>) -> Result<KeyPage, KeyValueError> {
        self.store.list_keys(bucket, cursor).await
    }

    /// An increment is never answered from the cache.
    async fn increment(&self, bucket: &str, key: &str, delta: i64) -> Result<i64, KeyValueError> {
        let sum = self.store.increment(bucket, key, delta).await?;
        self.with(|values| values.opens_for_lease |= sum == 1);
        self.put(bucket, key, Some(sum.to_string().into_bytes()));
        Ok(sum)
    }

    async fn compare_and_swap(
        &self,
        bucket: &str,
        key: &str,
        expected: Option<&[u8]>,
        value: Vec<u8>,
    ) -> Result<bool, KeyValueError> {
        self.store.compare_and_swap(bucket, key, expected, value).await
    }
}

#[cfg(test)]
mod tests {
    use crate::{DEFAULT_BUCKET, Flavour, MemoryKeyValue};

    #[tokio::test]
    async fn an_open_bucket_keeps_what_was_read_until_it_is_opened_again() {
        let memory = MemoryKeyValue::new();
        let store = memory.of(Flavour::Spin);
        let reader = tokio::spawn(async move {
            assert_eq!(store.get(DEFAULT_BUCKET, "key").await, Ok(None));
            memory.put(DEFAULT_BUCKET, "key", b"one");
            assert_eq!(store.get(DEFAULT_BUCKET, "key").await, Ok(Some(b"one".to_vec())));
            memory.cache_reads();
            assert_eq!(store.get(DEFAULT_BUCKET, "key").await, Ok(Some(b"one".to_vec())));
            memory.put(DEFAULT_BUCKET, "key", b"two");
            assert_eq!(store.get(DEFAULT_BUCKET, "key").await, Ok(Some(b"one".to_vec())));
            // Another instance has a cache of its own.
            let other = store.clone();
            let read = tokio::spawn(async move { other.get(DEFAULT_BUCKET, "key").await });
            assert_eq!(read.await.expect("the reader didn't panic"), Ok(Some(b"two".to_vec())));
            // The bucket of an acquired lease is another one.
            assert_eq!(store.increment(DEFAULT_BUCKET, "lease", 1).await, Ok(1));
            assert_eq!(store.open(DEFAULT_BUCKET).await, Ok(()));
            assert_eq!(store.get(DEFAULT_BUCKET, "key").await, Ok(Some(b"one".to_vec())));
            assert_eq!(store.open(DEFAULT_BUCKET).await, Ok(()));
            assert_eq!(store.get(DEFAULT_BUCKET, "key").await, Ok(Some(b"two".to_vec())));
        });
        reader.await.expect("the reader didn't panic");
    }
}
