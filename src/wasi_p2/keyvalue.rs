//! The ports `Store` and `Bucket` over `wasi:keyvalue/store`, in either draft, and over the memory of the
//! instance.

#[cfg(feature = "broker")]
use super::OneThread;
use super::Wasi;
use super::bindings::keyvalue as store;
use alloc::vec::Vec;
#[cfg(feature = "broker")]
use core::cell::{RefCell, RefMut};
#[cfg(feature = "broker")]
use credwell_core::cache::instance_bucket::InstanceBucket;
use credwell_core::ports::{self, BucketLocation, Store, StoreError};

/// An open bucket.
pub enum Bucket {
    /// A bucket of the host.
    Host(store::Bucket),
    /// The bucket in the memory of the instance: [`INSTANCE`].
    #[cfg(feature = "broker")]
    Instance,
}

/// The bucket that all requests of the instance share.
#[cfg(feature = "broker")]
static INSTANCE: OneThread<RefCell<InstanceBucket>> = OneThread(RefCell::new(InstanceBucket::new()));

#[cfg(feature = "broker")]
fn instance() -> RefMut<'static, InstanceBucket> {
    INSTANCE.0.borrow_mut()
}

impl Store for Wasi {
    type Bucket = Bucket;

    async fn open(&self, location: &BucketLocation) -> Result<Bucket, StoreError> {
        match location {
            BucketLocation::Host(name) => {
                // Spin has no bucket with an empty name, and an absent variable of Spin is an empty text.
                #[cfg(feature = "spin")]
                let name = if name.is_empty() { "default" } else { name };
                Ok(Bucket::Host(store::open(name)?))
            }
            #[cfg(feature = "broker")]
            BucketLocation::Instance => Ok(Bucket::Instance),
            // Only the broker has a setting for this location.
            #[cfg(not(feature = "broker"))]
            BucketLocation::Instance => Err(StoreError::NoSuchBucket),
        }
    }
}

impl ports::Bucket for Bucket {
    const CAN_COUNT: bool = cfg!(feature = "broker");

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        match self {
            Self::Host(bucket) => Ok(bucket.get(key)?),
            #[cfg(feature = "broker")]
            Self::Instance => Ok(instance().get(key)),
        }
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        match self {
            Self::Host(bucket) => Ok(bucket.set(key, value)?),
            #[cfg(feature = "broker")]
            Self::Instance => {
                instance().set(key, value);
                Ok(())
            }
        }
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        match self {
            Self::Host(bucket) => Ok(bucket.delete(key)?),
            #[cfg(feature = "broker")]
            Self::Instance => {
                instance().delete(key);
                Ok(())
            }
        }
    }

    #[cfg(feature = "broker")]
    async fn increment(&self, key: &str, delta: u64) -> Result<u64, StoreError> {
        match self {
            Self::Host(bucket) => host_increment(bucket, key, delta),
            Self::Instance => instance().increment(key, delta),
        }
    }

    /// The component without the broker doesn't import `wasi:keyvalue/atomics`, because not every host has
    /// it.
    #[cfg(not(feature = "broker"))]
    async fn increment(&self, _: &str, _: u64) -> Result<u64, StoreError> {
        Err(StoreError::Failed)
    }
}

#[cfg(all(feature = "broker", not(feature = "spin")))]
fn host_increment(bucket: &store::Bucket, key: &str, delta: u64) -> Result<u64, StoreError> {
    Ok(super::bindings::atomics::increment(bucket, key, delta)?)
}

/// Increments a number in Spin's draft, where numbers are signed. The component never writes a negative
/// number.
#[cfg(all(feature = "broker", feature = "spin"))]
fn host_increment(bucket: &store::Bucket, key: &str, delta: u64) -> Result<u64, StoreError> {
    let delta = i64::try_from(delta).map_err(|_| StoreError::Failed)?;
    let sum = super::bindings::atomics::increment(bucket, key, delta)?;
    u64::try_from(sum).map_err(|_| StoreError::Failed)
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
