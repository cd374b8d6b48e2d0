//! What a store can do.

/// A store of `wasi:keyvalue`. Every call names its bucket, so a store has no state per caller.
#[async_trait::async_trait]
pub trait KeyValue: Send + Sync {
    /// Whether the bucket can be used. It needs no making: one that nothing was written to is empty.
    async fn open(&self, bucket: &str) -> Result<(), KeyValueError>;

    /// The value under `key`.
    async fn get(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, KeyValueError>;

    /// Puts `value` under `key`.
    async fn set(&self, bucket: &str, key: &str, value: Vec<u8>) -> Result<(), KeyValueError>;

    /// Removes `key`, whether it is there or not.
    async fn delete(&self, bucket: &str, key: &str) -> Result<(), KeyValueError>;

    /// Whether there is a value under `key`.
    async fn exists(&self, bucket: &str, key: &str) -> Result<bool, KeyValueError>;

    /// Some of the bucket's keys, in no particular order. Begins without a cursor, goes on with the one of the page
    /// before.
    async fn list_keys(&self, bucket: &str, cursor: Option<&str>) -> Result<KeyPage, KeyValueError>;

    /// Adds `delta` to the number under `key`, which is 0 where there is none, and gives the sum, all in one step. Fails
    /// and changes nothing if the value is no number in decimal text, or the sum is none of 64 bits.
    async fn increment(&self, bucket: &str, key: &str, delta: i64) -> Result<i64, KeyValueError>;

    /// Puts `value` under `key` if there is `expected` now, or nothing where that is none, all in one step. Says whether
    /// it did.
    async fn compare_and_swap(
        &self,
        bucket: &str,
        key: &str,
        expected: Option<&[u8]>,
        value: Vec<u8>,
    ) -> Result<bool, KeyValueError>;

    /// The values under `keys`, in their order. Not one step: a write can come between two of them.
    async fn get_many(&self, bucket: &str, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, KeyValueError> {
        let mut values = Vec::with_capacity(keys.len());
        for key in keys {
            values.push(self.get(bucket, key).await?);
        }
        Ok(values)
    }

    /// Puts each value under its key. Not one step, and a failure can leave some of them written.
    async fn set_many(&self, bucket: &str, entries: Vec<(String, Vec<u8>)>) -> Result<(), KeyValueError> {
        for (key, value) in entries {
            self.set(bucket, &key, value).await?;
        }
        Ok(())
    }

    /// Removes `keys`, whether they are there or not. Not one step, and a failure can leave some of them removed.
    async fn delete_many(&self, bucket: &str, keys: &[String]) -> Result<(), KeyValueError> {
        for key in keys {
            self.delete(bucket, key).await?;
        }
        Ok(())
    }
}

/// A part of a bucket's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPage {
    /// The keys. There can be none although others follow, and one that was written meanwhile can come twice.
    pub keys: Vec<String>,
    /// What the next page begins with. None after the last one. It means something to this store only.
    pub cursor: Option<String>,
}

/// Why a store didn't do what was asked. No text holds a value or a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyValueError {
    /// No bucket can have this name.
    #[error("a bucket's name has at most 64 of A-Z, a-z, 0-9, '.', '_' and '-'")]
    NoSuchBucket,
    /// The server's access rules keep this process from it.
    #[error("the store's access rules don't allow it")]
    AccessDenied,
    /// Anything else. What was to be written may or may not be, or may yet be.
    #[error("{0}")]
    Failed(String),
}
