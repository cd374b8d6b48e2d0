//! `wasi:keyvalue/store`, in either draft.

use super::Wasi;
use super::bindings::keyvalue as store;
use crate::ports::{Bucket, Store, StoreError};

impl Store for Wasi {
    type Bucket = store::Bucket;

    async fn open(&self, name: &str) -> Result<store::Bucket, StoreError> {
        // Spin has no bucket without a name, and its variables that are meant to be absent are empty.
        #[cfg(feature = "spin")]
        let name = if name.is_empty() { "default" } else { name };
        Ok(store::open(name)?)
    }
}

impl Bucket for store::Bucket {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(Self::get(self, key)?)
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        Ok(Self::set(self, key, value)?)
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        Ok(Self::delete(self, key)?)
    }
}

impl From<store::Error> for StoreError {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::NoSuchStore => Self::NoSuchBucket,
            store::Error::AccessDenied => Self::AccessDenied,
            store::Error::Other(_) => Self::Failed,
        }
    }
}
