//! The limits of Spin's stores on keys and values.

use super::MemoryKeyValue;
use async_trait::async_trait;
use credwell_host::{KeyPage, KeyValue, KeyValueError};

/// The largest key that Spin accepts, in bytes.
const KEY_LIMIT: usize = 256;

/// The largest value that Spin accepts, in bytes.
const VALUE_LIMIT: usize = 1 << 20;

/// A store with the limits of Spin's stores. A refused operation is not recorded.
pub(super) struct Limited(pub MemoryKeyValue);

fn check(key: &str, value: &[u8]) -> Result<(), KeyValueError> {
    for (name, length, limit) in [("key", key.len(), KEY_LIMIT), ("value", value.len(), VALUE_LIMIT)] {
        if length > limit {
            let text = format!("the {name} has {length} bytes, more than {limit}");
            return Err(KeyValueError::Failed(text));
        }
    }
    Ok(())
}

#[async_trait]
impl KeyValue for Limited {
    async fn open(&self, bucket: &str) -> Result<(), KeyValueError> {
        self.0.open(bucket).await
    }

    async fn get(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        check(key, &[])?;
        self.0.get(bucket, key).await
    }

    async fn set(&self, bucket: &str, key: &str, value: Vec<u8>) -> Result<(), KeyValueError> {
        check(key, &value)?;
        self.0.set(bucket, key, value).await
    }

    async fn delete(&self, bucket: &str, key: &str) -> Result<(), KeyValueError> {
        check(key, &[])?;
        self.0.delete(bucket, key).await
    }

    async fn exists(&self, bucket: &str, key: &str) -> Result<bool, KeyValueError> {
        check(key, &[])?;
        self.0.exists(bucket, key).await
    }

    async fn list_keys(&self, bucket: &str, cursor: Option<&str>) -> Result<KeyPage, KeyValueError> {
        self.0.list_keys(bucket, cursor).await
    }

    async fn increment(&self, bucket: &str, key: &str, delta: i64) -> Result<i64, KeyValueError> {
        check(key, &[])?;
        self.0.increment(bucket, key, delta).await
    }

    async fn compare_and_swap(
        &self,
        bucket: &str,
        key: &str,
        expected: Option<&[u8]>,
        value: Vec<u8>,
    ) -> Result<bool, KeyValueError> {
        check(key, &value)?;
        self.0.compare_and_swap(bucket, key, expected, value).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spin_takes_a_mebibyte_and_no_more() {
        assert_eq!(check(&"k".repeat(256), &vec![0; 1 << 20]), Ok(()));
        assert!(check(&"k".repeat(257), &[]).is_err());
        assert!(check("k", &vec![0; (1 << 20) + 1]).is_err());
    }
}
