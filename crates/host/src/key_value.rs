//! The host's `wasi:keyvalue`, in both drafts, over any [`KeyValue`].

mod atomics;
mod batch;
mod cursors;
#[cfg(test)]
mod tests;

use crate::bindings::host::wasi::{keyvalue0_2_0_draft, keyvalue0_2_0_draft2};
use credwell_key_value::{KeyValue, KeyValueError};
use cursors::{Cursors, Translate};
use wasmtime::component::{HasData, Resource, ResourceTable, ResourceTableError};

/// The view that [`crate::link::key_value`] needs of the data in a wasmtime store.
pub trait KeyValueView: Send {
    /// The key-value store and the resources of the component that runs in this wasmtime store.
    fn key_value(&mut self) -> KeyValueContext<'_>;
}

/// The state behind one component's `wasi:keyvalue`.
pub struct KeyValueContext<'a> {
    /// The key-value store. It has to outlive the component's instance, because it holds the cache.
    pub store: &'a dyn KeyValue,
    /// The table of the component's resources, such as open buckets.
    pub table: &'a mut ResourceTable,
}

/// The type that tells wasmtime how to get from a store's data to a [`KeyValueContext`].
pub(crate) struct KeyValueInterface;

impl HasData for KeyValueInterface {
    type Data<'a> = KeyValueContext<'a>;
}

/// A bucket that a component has opened.
pub struct Bucket {
    name: String,
    cursors: Cursors,
}

/// The resource `cas`: a compare-and-swap with the value that the component has seen.
#[allow(unreachable_pub, reason = "the generated bindings re-export the type")]
pub struct Comparison {
    bucket: String,
    key: String,
    seen: Option<Vec<u8>>,
}

/// The error of an operation.
#[derive(Debug)]
pub(crate) enum OperationError {
    /// The store failed. The component gets the error.
    Store(KeyValueError),
    /// The component used a handle that it doesn't have. The component traps.
    Handle(ResourceTableError),
}

impl From<KeyValueError> for OperationError {
    fn from(error: KeyValueError) -> Self {
        Self::Store(error)
    }
}

impl From<ResourceTableError> for OperationError {
    fn from(error: ResourceTableError) -> Self {
        Self::Handle(error)
    }
}

impl KeyValueContext<'_> {
    fn name(&self, bucket: &Resource<Bucket>) -> Result<&str, OperationError> {
        Ok(&self.table.get(bucket)?.name)
    }
}

// The drafts agree in nearly all functions, but the generated types of each draft are distinct.
macro_rules! serve {
    ($draft:ident, $cursor:ty) => {
        impl From<KeyValueError> for $draft::store::Error {
            fn from(error: KeyValueError) -> Self {
                match error {
                    KeyValueError::NoSuchBucket => Self::NoSuchStore,
                    KeyValueError::AccessDenied => Self::AccessDenied,
                    KeyValueError::Failed(text) => Self::Other(text),
                }
            }
        }

        impl $draft::store::Host for KeyValueContext<'_> {
            async fn open(&mut self, identifier: String) -> Result<Resource<Bucket>, OperationError> {
                self.store.open(&identifier).await?;
                Ok(self.table.push(Bucket { name: identifier, cursors: Cursors::default() })?)
            }

            fn convert_error(&mut self, error: OperationError) -> wasmtime::Result<$draft::store::Error> {
                match error {
                    OperationError::Store(error) => Ok(error.into()),
                    OperationError::Handle(error) => Err(error.into()),
                }
            }
        }

        impl $draft::store::HostBucket for KeyValueContext<'_> {
            async fn get(
                &mut self,
                bucket: Resource<Bucket>,
                key: String,
            ) -> Result<Option<Vec<u8>>, OperationError> {
                Ok(self.store.get(self.name(&bucket)?, &key).await?)
            }

            async fn set(
                &mut self,
                bucket: Resource<Bucket>,
                key: String,
                value: Vec<u8>,
            ) -> Result<(), OperationError> {
                Ok(self.store.set(self.name(&bucket)?, &key, value).await?)
            }

            async fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> Result<(), OperationError> {
                Ok(self.store.delete(self.name(&bucket)?, &key).await?)
            }

            async fn exists(
                &mut self,
                bucket: Resource<Bucket>,
                key: String,
            ) -> Result<bool, OperationError> {
                Ok(self.store.exists(self.name(&bucket)?, &key).await?)
            }

            async fn list_keys(
                &mut self,
                bucket: Resource<Bucket>,
                cursor: Option<$cursor>,
            ) -> Result<$draft::store::KeyResponse, OperationError> {
                let Bucket { name, cursors } = self.table.get_mut(&bucket)?;
                let cursor = cursors.to_store(cursor)?;
                let page = self.store.list_keys(name, cursor.as_deref()).await?;
                let cursor = page.cursor.map(|cursor| cursors.to_component(cursor));
                Ok($draft::store::KeyResponse { keys: page.keys, cursor })
            }

            async fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
                self.table.delete(bucket)?;
                Ok(())
            }
        }
    };
}

serve!(keyvalue0_2_0_draft, u64);
serve!(keyvalue0_2_0_draft2, String);
