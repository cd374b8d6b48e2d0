//! What a host asks of the store behind `wasi:keyvalue`.

#![warn(missing_docs)]

use async_trait::async_trait;

/// A key-value store with buckets.
///
/// Every operation names its bucket. A host opens a bucket before it uses it, so that a name that can't be used is
/// told then.
#[async_trait]
pub trait KeyValue: Send + Sync {
    /// Says whether the bucket can be used.
    ///
    /// # Errors
    ///
    /// It can't: there is none of this name, or it may not be used.
    async fn open(&self, bucket: &str) -> Result<(), KeyValueError>;

    /// The value under a key, if there is one.
    ///
    /// # Errors
    ///
    /// As for every operation: the bucket can't be used, or the store failed.
    async fn get(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, KeyValueError>;

    /// Writes a value, in place of any that was there.
    ///
    /// # Errors
    ///
    /// As for [`KeyValue::get`].
    async fn set(&self, bucket: &str, key: &str, value: Vec<u8>) -> Result<(), KeyValueError>;

    /// Removes a key. Removing one that isn't there succeeds.
    ///
    /// # Errors
    ///
    /// As for [`KeyValue::get`].
    async fn delete(&self, bucket: &str, key: &str) -> Result<(), KeyValueError>;

    /// Whether there is a value under a key.
    ///
    /// # Errors
    ///
    /// As for [`KeyValue::get`].
    async fn exists(&self, bucket: &str, key: &str) -> Result<bool, KeyValueError>;

    /// Some of the keys, in any order: the first ones, or those that follow the page that gave `cursor`.
    ///
    /// # Errors
    ///
    /// As for [`KeyValue::get`], or the store never gave that cursor.
    async fn list_keys(&self, bucket: &str, cursor: Option<&str>) -> Result<KeyPage, KeyValueError>;

    /// Adds `delta` to the number under a key, which is 0 where there is none, and gives the sum, all in one step.
    ///
    /// # Errors
    ///
    /// As for [`KeyValue::get`], or the value is no number, or the sum would be none.
    async fn increment(&self, bucket: &str, key: &str, delta: i64) -> Result<i64, KeyValueError>;

    /// Writes a value if `expected` is what is there (none: nothing is), in one step. Says whether it was.
    ///
    /// # Errors
    ///
    /// As for [`KeyValue::get`].
    async fn compare_and_swap(
        &self,
        bucket: &str,
        key: &str,
        expected: Option<&[u8]>,
        value: Vec<u8>,
    ) -> Result<bool, KeyValueError>;

    /// The values under the keys, in their order.
    ///
    /// # Errors
    ///
    /// As for [`KeyValue::get`].
    async fn get_many(&self, bucket: &str, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, KeyValueError> {
        let mut values = Vec::with_capacity(keys.len());
        for key in keys {
            values.push(self.get(bucket, key).await?);
        }
        Ok(values)
    }

    /// Writes all entries, each on its own: after a failure some may have been written.
    ///
    /// # Errors
    ///
    /// As for [`KeyValue::get`].
    async fn set_many(&self, bucket: &str, entries: Vec<(String, Vec<u8>)>) -> Result<(), KeyValueError> {
        for (key, value) in entries {
            self.set(bucket, &key, value).await?;
        }
        Ok(())
    }

    /// Removes all keys, each on its own: after a failure some may have been removed.
    ///
    /// # Errors
    ///
    /// As for [`KeyValue::get`].
    async fn delete_many(&self, bucket: &str, keys: &[String]) -> Result<(), KeyValueError> {
        for key in keys {
            self.delete(bucket, key).await?;
        }
        Ok(())
    }
}

/// Some of a bucket's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPage {
    /// The keys.
    pub keys: Vec<String>,
    /// Where the next page begins. None: there is none.
    pub cursor: Option<String>,
}

/// Why an operation failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyValueError {
    /// The store knows no bucket of this name.
    #[error("there is no bucket of this name")]
    NoSuchBucket,
    /// The bucket may not be used.
    #[error("the bucket may not be used")]
    AccessDenied,
    /// Anything else, in the store's words.
    #[error("the store failed: {0}")]
    Failed(String),
}
