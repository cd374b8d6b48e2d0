//! The leases of a store that belongs to one process: their numbers are in the memory of the process, in
//! front of the store.
//!
//! The broker counts three times for each request to the upstream. In a file each count is a transaction, and
//! the reads of other requests wait for the processor meanwhile. A lease ends with its process in any case,
//! so nothing is lost.

use crate::clock::Lifetimes;
use crate::key_value::{KeyPage, KeyValue, KeyValueError};
use crate::limits::LEASE_SUFFIX;
use crate::memory::Memory;

/// The size limit of the numbers, in bytes. Each belongs to a request that is under way.
const LIMIT: usize = 16 * 1024 * 1024;

/// A store with its leases in memory.
pub(crate) struct LeasesInMemory<S> {
    store: S,
    leases: Memory,
}

impl<S: KeyValue> LeasesInMemory<S> {
    pub(crate) fn new(store: S, lifetimes: Lifetimes) -> Self {
        Self { store, leases: Memory::with_limit(lifetimes, LIMIT) }
    }

    /// The store that holds `key`.
    fn place(&self, key: &str) -> &dyn KeyValue {
        if is_lease(key) { &self.leases } else { &self.store }
    }
}

fn is_lease(key: &str) -> bool {
    key.ends_with(LEASE_SUFFIX)
}

#[async_trait::async_trait]
impl<S: KeyValue> KeyValue for LeasesInMemory<S> {
    async fn open(&self, bucket: &str) -> Result<(), KeyValueError> {
        self.store.open(bucket).await
    }

    async fn get(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        self.place(key).get(bucket, key).await
    }

    async fn set(&self, bucket: &str, key: &str, value: Vec<u8>) -> Result<(), KeyValueError> {
        self.place(key).set(bucket, key, value).await
    }

    async fn delete(&self, bucket: &str, key: &str) -> Result<(), KeyValueError> {
        self.place(key).delete(bucket, key).await
    }

    async fn exists(&self, bucket: &str, key: &str) -> Result<bool, KeyValueError> {
        self.place(key).exists(bucket, key).await
    }

    /// The keys of leases are left out.
    async fn list_keys(&self, bucket: &str, cursor: Option<&str>) -> Result<KeyPage, KeyValueError> {
        self.store.list_keys(bucket, cursor).await
    }

    async fn increment(&self, bucket: &str, key: &str, delta: i64) -> Result<i64, KeyValueError> {
        self.place(key).increment(bucket, key, delta).await
    }

    async fn compare_and_swap(
        &self,
        bucket: &str,
        key: &str,
        expected: Option<&[u8]>,
        value: Vec<u8>,
    ) -> Result<bool, KeyValueError> {
        self.place(key).compare_and_swap(bucket, key, expected, value).await
    }

    async fn get_many(&self, bucket: &str, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, KeyValueError> {
        if !keys.iter().any(|key| is_lease(key)) {
            return self.store.get_many(bucket, keys).await;
        }
        let mut values = Vec::with_capacity(keys.len());
        for key in keys {
            values.push(self.get(bucket, key).await?);
        }
        Ok(values)
    }

    async fn set_many(&self, bucket: &str, entries: Vec<(String, Vec<u8>)>) -> Result<(), KeyValueError> {
        let (leases, entries) = entries.into_iter().partition(|(key, _)| is_lease(key));
        self.leases.set_many(bucket, leases).await?;
        self.store.set_many(bucket, entries).await
    }

    async fn delete_many(&self, bucket: &str, keys: &[String]) -> Result<(), KeyValueError> {
        let (leases, entries): (Vec<_>, Vec<_>) = keys.iter().cloned().partition(|key| is_lease(key));
        self.leases.delete_many(bucket, &leases).await?;
        self.store.delete_many(bucket, &entries).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use std::time::Duration;

    fn memory() -> Memory {
        Memory::new(lifetimes())
    }

    fn lifetimes() -> Lifetimes {
        Lifetimes::new(Clock::system(), Duration::from_secs(3600))
    }

    fn keys(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[tokio::test]
    async fn the_numbers_of_leases_never_reach_the_store() {
        let store = LeasesInMemory::new(memory(), lifetimes());
        assert_eq!(store.increment("b", "a.lease", 1).await, Ok(1));
        assert_eq!(store.increment("b", "a.lease", 41).await, Ok(42));
        assert_eq!(store.increment("b", "count", 7).await, Ok(7));
        assert_eq!(store.get("b", "a.lease").await, Ok(Some(b"42".to_vec())));
        assert_eq!(store.exists("b", "a.lease").await, Ok(true));
        assert_eq!(store.list_keys("b", None).await.map(|page| page.keys), Ok(keys(&["count"])));
        assert_eq!(store.store.get("b", "a.lease").await, Ok(None));
        assert_eq!(store.store.get("b", "count").await, Ok(Some(b"7".to_vec())));

        assert_eq!(store.delete("b", "a.lease").await, Ok(()));
        assert_eq!(store.increment("b", "a.lease", 1).await, Ok(1));
        assert_eq!(store.compare_and_swap("b", "a.lease", Some(b"1"), b"5".to_vec()).await, Ok(true));
        assert_eq!(store.set("b", "b.lease", b"6".to_vec()).await, Ok(()));
        assert_eq!(store.store.list_keys("b", None).await.map(|page| page.keys.len()), Ok(1));
    }

    #[tokio::test]
    async fn batches_find_every_key_in_its_place() {
        let store = LeasesInMemory::new(memory(), lifetimes());
        let value = |text: &str| Some(text.as_bytes().to_vec());
        let entries = [("a", "1"), ("a.lease", "2")];
        let entries = entries.map(|(key, text)| (key.to_owned(), text.as_bytes().to_vec()));
        store.set_many("b", entries.to_vec()).await.expect("both are written");
        let both = keys(&["a.lease", "a", "none"]);
        assert_eq!(store.get_many("b", &both).await, Ok(vec![value("2"), value("1"), None]));
        assert_eq!(store.get_many("b", &keys(&["a"])).await, Ok(vec![value("1")]));
        assert_eq!(store.store.get("b", "a.lease").await, Ok(None));
        store.delete_many("b", &both).await.expect("both are removed");
        assert_eq!(store.get_many("b", &both).await, Ok(vec![None, None, None]));
        store.set_many("b", vec![("a".to_owned(), b"3".to_vec())]).await.expect("it is written");
        store.delete_many("b", &keys(&["a"])).await.expect("it is removed");
        assert_eq!(store.get("b", "a").await, Ok(None));
    }
}
