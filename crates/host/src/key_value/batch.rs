//! The host's `wasi:keyvalue/batch`: one call for many keys.

use super::{Bucket, KeyValueContext, OperationError};
use crate::bindings::host::wasi::{keyvalue0_2_0_draft, keyvalue0_2_0_draft2};
use wasmtime::component::Resource;

// The drafts differ in the type of a missing value.
macro_rules! serve {
    ($draft:ident, $entry:ty, $entry_of:expr) => {
        impl $draft::batch::Host for KeyValueContext<'_> {
            async fn get_many(
                &mut self,
                bucket: Resource<Bucket>,
                keys: Vec<String>,
            ) -> Result<Vec<$entry>, OperationError> {
                let values = self.store.get_many(self.name(&bucket)?, &keys).await?;
                Ok(keys.into_iter().zip(values).map($entry_of).collect())
            }

            async fn set_many(
                &mut self,
                bucket: Resource<Bucket>,
                entries: Vec<(String, Vec<u8>)>,
            ) -> Result<(), OperationError> {
                Ok(self.store.set_many(self.name(&bucket)?, entries).await?)
            }

            async fn delete_many(
                &mut self,
                bucket: Resource<Bucket>,
                keys: Vec<String>,
            ) -> Result<(), OperationError> {
                Ok(self.store.delete_many(self.name(&bucket)?, &keys).await?)
            }
        }
    };
}

serve!(keyvalue0_2_0_draft, Option<(String, Vec<u8>)>, |(key, value)| Some((key, value?)));
serve!(keyvalue0_2_0_draft2, (String, Option<Vec<u8>>), |entry| entry);
