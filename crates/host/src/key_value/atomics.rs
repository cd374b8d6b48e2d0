//! The host's `wasi:keyvalue/atomics`: increments, and compare-and-swap.

use super::{Bucket, Comparison, KeyValueContext, OperationError};
use crate::bindings::host::wasi::{keyvalue0_2_0_draft, keyvalue0_2_0_draft2};
use credwell_key_value::KeyValueError;
use keyvalue0_2_0_draft2::atomics::CasError;
use wasmtime::component::Resource;

impl keyvalue0_2_0_draft::atomics::Host for KeyValueContext<'_> {
    /// The numbers of this draft are unsigned. The numbers of a store are signed.
    async fn increment(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        delta: u64,
    ) -> Result<u64, OperationError> {
        let delta = i64::try_from(delta).map_err(|_| out_of_range())?;
        let sum = self.store.increment(self.name(&bucket)?, &key, delta).await?;
        Ok(u64::try_from(sum).map_err(|_| out_of_range())?)
    }
}

fn out_of_range() -> KeyValueError {
    KeyValueError::Failed("the number is out of range".to_owned())
}

impl keyvalue0_2_0_draft2::atomics::Host for KeyValueContext<'_> {
    async fn increment(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        delta: i64,
    ) -> Result<i64, OperationError> {
        Ok(self.store.increment(self.name(&bucket)?, &key, delta).await?)
    }

    async fn swap(
        &mut self,
        comparison: Resource<Comparison>,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), CasError>> {
        let Comparison { bucket, key, seen } = self.table.delete(comparison)?;
        match self.store.compare_and_swap(&bucket, &key, seen.as_deref(), value).await {
            Ok(true) => return Ok(Ok(())),
            Ok(false) => {}
            Err(error) => return Ok(Err(CasError::StoreError(error.into()))),
        }
        match self.store.get(&bucket, &key).await {
            Ok(seen) => {
                let comparison = self.table.push(Comparison { bucket, key, seen })?;
                Ok(Err(CasError::CasFailed(comparison)))
            }
            Err(error) => Ok(Err(CasError::StoreError(error.into()))),
        }
    }
}

impl keyvalue0_2_0_draft2::atomics::HostCas for KeyValueContext<'_> {
    /// Reads the value. A later write of another value makes the swap fail, whether or not the component
    /// calls `current`.
    async fn new(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> Result<Resource<Comparison>, OperationError> {
        let bucket = self.name(&bucket)?.to_owned();
        let seen = self.store.get(&bucket, &key).await?;
        Ok(self.table.push(Comparison { bucket, key, seen })?)
    }

    async fn current(&mut self, comparison: Resource<Comparison>) -> Result<Option<Vec<u8>>, OperationError> {
        Ok(self.table.get(&comparison)?.seen.clone())
    }

    async fn drop(&mut self, comparison: Resource<Comparison>) -> wasmtime::Result<()> {
        self.table.delete(comparison)?;
        Ok(())
    }
}
