//! A key-value store that lives as long as the process.

use async_trait::async_trait;
use credwell_host::{KeyPage, KeyValue, KeyValueError};
use std::collections::BTreeMap;
use tokio::sync::Mutex;

const BUCKET: &str = "default";

/// The entries of the one bucket.
#[derive(Default)]
pub struct Memory(Mutex<BTreeMap<String, Vec<u8>>>);

#[async_trait]
impl KeyValue for Memory {
    async fn open(&self, bucket: &str) -> Result<(), KeyValueError> {
        if bucket == BUCKET { Ok(()) } else { Err(KeyValueError::NoSuchBucket) }
    }

    async fn get(&self, _: &str, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        Ok(self.0.lock().await.get(key).cloned())
    }

    async fn set(&self, _: &str, key: &str, value: Vec<u8>) -> Result<(), KeyValueError> {
        self.0.lock().await.insert(key.to_owned(), value);
        Ok(())
    }

    async fn delete(&self, _: &str, key: &str) -> Result<(), KeyValueError> {
        self.0.lock().await.remove(key);
        Ok(())
    }

    async fn exists(&self, _: &str, key: &str) -> Result<bool, KeyValueError> {
        Ok(self.0.lock().await.contains_key(key))
    }

    async fn list_keys(&self, _: &str, _: Option<&str>) -> Result<KeyPage, KeyValueError> {
        Ok(KeyPage { keys: self.0.lock().await.keys().cloned().collect(), cursor: None })
    }

    /// Numbers are kept as decimal text.
    async fn increment(&self, _: &str, key: &str, delta: i64) -> Result<i64, KeyValueError> {
        let mut entries = self.0.lock().await;
        let number = match entries.get(key) {
            Some(value) => std::str::from_utf8(value).ok().and_then(|text| text.parse::<i64>().ok()),
            None => Some(0),
        };
        let sum = number.and_then(|number| number.checked_add(delta));
        let sum = sum.ok_or_else(|| KeyValueError::Failed("the value is no number".to_owned()))?;
        entries.insert(key.to_owned(), sum.to_string().into_bytes());
        Ok(sum)
    }

    async fn compare_and_swap(
        &self,
        _: &str,
        key: &str,
        expected: Option<&[u8]>,
        value: Vec<u8>,
    ) -> Result<bool, KeyValueError> {
        let mut entries = self.0.lock().await;
        let is_as_expected = entries.get(key).map(Vec::as_slice) == expected;
        if is_as_expected {
            entries.insert(key.to_owned(), value);
        }
        Ok(is_as_expected)
    }
}
