//! The trait that every store implements, and its errors.

/// A store of `wasi:keyvalue`. Every call names its bucket: a store has no state per caller.
///
/// Every call returns a [`KeyValueError`] if the bucket's name, the key or the value breaks a limit, if the
/// server denies access, or if the store doesn't complete the call in time.
#[async_trait::async_trait]
pub trait KeyValue: Send + Sync {
    /// Checks that the bucket can be used. A bucket needs no creation: one without writes is empty.
    async fn open(&self, bucket: &str) -> Result<(), KeyValueError>;

    /// The value under `key`. `None` if there is none, or if it has expired.
    async fn get(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, KeyValueError>;

    /// Puts `value` under `key`.
    async fn set(&self, bucket: &str, key: &str, value: Vec<u8>) -> Result<(), KeyValueError>;

    /// Removes `key`. Succeeds if there is none.
    async fn delete(&self, bucket: &str, key: &str) -> Result<(), KeyValueError>;

    /// Whether there is a value under `key`.
    async fn exists(&self, bucket: &str, key: &str) -> Result<bool, KeyValueError>;

    /// One page of the bucket's keys, in no particular order. The first page takes no cursor, each later page
    /// takes the cursor of the page before.
    async fn list_keys(&self, bucket: &str, cursor: Option<&str>) -> Result<KeyPage, KeyValueError>;

    /// Adds `delta` to the number under `key` and returns the sum, atomically. A missing value counts as 0.
    /// Fails and changes nothing if the value is not a number in decimal text, or if the sum exceeds 64 bits.
    async fn increment(&self, bucket: &str, key: &str, delta: i64) -> Result<i64, KeyValueError>;

    /// Puts `value` under `key` if the present value equals `expected`, atomically. An `expected` of `None`
    /// stands for no value. Returns whether `value` was written.
    async fn compare_and_swap(
        &self,
        bucket: &str,
        key: &str,
        expected: Option<&[u8]>,
        value: Vec<u8>,
    ) -> Result<bool, KeyValueError>;

    /// The values under `keys`, in the order of `keys`. Not atomic: a write can happen between two reads.
    async fn get_many(&self, bucket: &str, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, KeyValueError> {
        let mut values = Vec::with_capacity(keys.len());
        for key in keys {
            values.push(self.get(bucket, key).await?);
        }
        Ok(values)
    }

    /// Puts each value under its key. Not atomic: an error can leave some values written.
    async fn set_many(&self, bucket: &str, entries: Vec<(String, Vec<u8>)>) -> Result<(), KeyValueError> {
        for (key, value) in entries {
            self.set(bucket, &key, value).await?;
        }
        Ok(())
    }

    /// Removes `keys`. Keys without a value are no error. Not atomic: an error can leave some keys removed.
    async fn delete_many(&self, bucket: &str, keys: &[String]) -> Result<(), KeyValueError> {
        for key in keys {
            self.delete(bucket, key).await?;
        }
        Ok(())
    }
}

/// One page of a bucket's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPage {
    /// The keys. A page can be empty although others follow. A key that is written between two pages can be
    /// in both.
    pub keys: Vec<String>,
    /// The cursor of the next page. `None` on the last page. Opaque: only this store understands it.
    pub cursor: Option<String>,
}

/// Why a call of a store failed. No text holds a value or a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyValueError {
    /// The bucket's name isn't allowed.
    #[error("a bucket's name has at most 64 of A-Z, a-z, 0-9, '.', '_' and '-'")]
    NoSuchBucket,
    /// The server's access rules deny this call.
    #[error("the store's access rules don't allow this call")]
    AccessDenied,
    /// Every other error. A write may have happened, may not have happened, or may happen later.
    #[error("{0}")]
    Failed(String),
}
