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
    const CAN_COUNT: bool = cfg!(feature = "broker");

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(Self::get(self, key)?)
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        Ok(Self::set(self, key, value)?)
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        Ok(Self::delete(self, key)?)
    }

    #[cfg(feature = "broker")]
    async fn increment(&self, key: &str) -> Result<u64, StoreError> {
        let sum = super::bindings::atomics::increment(self, key, 1)?;
        // Spin's draft has a signed number. A negative one was never put there by us.
        #[cfg(feature = "spin")]
        let sum = u64::try_from(sum).map_err(|_| StoreError::Failed)?;
        Ok(sum)
    }

    /// The component for other components doesn't import the operation: not every host has it.
    #[cfg(not(feature = "broker"))]
    async fn increment(&self, _: &str) -> Result<u64, StoreError> {
        Err(StoreError::Failed)
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
