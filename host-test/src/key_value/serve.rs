//! The store as the two drafts of `wasi:keyvalue` present it.

use super::{Bucket, KeyValueFailure};
use crate::bindings::generated::wasi::{keyvalue0_2_0_draft, keyvalue0_2_0_draft2};
use crate::state::State;
use wasmtime::component::Resource;

/// Spin's limit on a key, in bytes.
const SPIN_KEY_LIMIT: usize = 256;

/// Spin's limit on a value, in bytes.
const SPIN_VALUE_LIMIT: usize = 1 << 20;

/// What wasmtime and wasmCloud refuse: nothing.
fn no_limit(_key: &str, _value: &[u8]) -> Result<(), KeyValueFailure> {
    Ok(())
}

/// What Spin refuses, and only Spin serves the second draft.
fn spin_limit(key: &str, value: &[u8]) -> Result<(), KeyValueFailure> {
    if key.len() > SPIN_KEY_LIMIT {
        let text = format!("the key has {} bytes, more than {SPIN_KEY_LIMIT}", key.len());
        return Err(KeyValueFailure::Other(text));
    }
    if value.len() > SPIN_VALUE_LIMIT {
        let text = format!("the value has {} bytes, more than {SPIN_VALUE_LIMIT}", value.len());
        return Err(KeyValueFailure::Other(text));
    }
    Ok(())
}

// The drafts agree on what the component uses, but each has types of its own.
macro_rules! serve {
    ($draft:ident, $limit:ident, $number:ty) => {
        impl From<KeyValueFailure> for $draft::store::Error {
            fn from(failure: KeyValueFailure) -> Self {
                match failure {
                    KeyValueFailure::NoSuchStore => Self::NoSuchStore,
                    KeyValueFailure::AccessDenied => Self::AccessDenied,
                    KeyValueFailure::Other(text) => Self::Other(text),
                }
            }
        }

        impl $draft::store::Host for State {
            async fn open(
                &mut self,
                identifier: String,
            ) -> wasmtime::Result<Result<Resource<Bucket>, $draft::store::Error>> {
                match self.key_value.open(&identifier).await {
                    Ok(bucket) => Ok(Ok(self.table.push(bucket)?)),
                    Err(failure) => Ok(Err(failure.into())),
                }
            }
        }

        impl $draft::store::HostBucket for State {
            async fn get(
                &mut self,
                bucket: Resource<Bucket>,
                key: String,
            ) -> wasmtime::Result<Result<Option<Vec<u8>>, $draft::store::Error>> {
                let Bucket(bucket) = self.table.get(&bucket)?;
                if let Err(failure) = $limit(&key, &[]) {
                    return Ok(Err(failure.into()));
                }
                Ok(self.key_value.get(bucket, key).await.map_err(Into::into))
            }

            async fn set(
                &mut self,
                bucket: Resource<Bucket>,
                key: String,
                value: Vec<u8>,
            ) -> wasmtime::Result<Result<(), $draft::store::Error>> {
                let Bucket(bucket) = self.table.get(&bucket)?;
                if let Err(failure) = $limit(&key, &value) {
                    return Ok(Err(failure.into()));
                }
                Ok(self.key_value.set(bucket, key, value).await.map_err(Into::into))
            }

            async fn delete(
                &mut self,
                bucket: Resource<Bucket>,
                key: String,
            ) -> wasmtime::Result<Result<(), $draft::store::Error>> {
                let Bucket(bucket) = self.table.get(&bucket)?;
                if let Err(failure) = $limit(&key, &[]) {
                    return Ok(Err(failure.into()));
                }
                Ok(self.key_value.delete(bucket, key).await.map_err(Into::into))
            }

            async fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
                self.table.delete(bucket)?;
                Ok(())
            }
        }

        impl $draft::atomics::Host for State {
            async fn increment(
                &mut self,
                bucket: Resource<Bucket>,
                key: String,
                delta: $number,
            ) -> wasmtime::Result<Result<$number, $draft::store::Error>> {
                let Bucket(bucket) = self.table.get(&bucket)?;
                if let Err(failure) = $limit(&key, &[]) {
                    return Ok(Err(failure.into()));
                }
                let sum = self.key_value.increment(bucket, key, delta.try_into()?).await;
                Ok(match sum {
                    Ok(sum) => Ok(sum.try_into()?),
                    Err(failure) => Err(failure.into()),
                })
            }
        }
    };
}

serve!(keyvalue0_2_0_draft, no_limit, u64);
serve!(keyvalue0_2_0_draft2, spin_limit, i64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spin_takes_a_mebibyte_and_no_more() {
        assert_eq!(spin_limit(&"k".repeat(256), &vec![0; 1 << 20]), Ok(()));
        assert!(spin_limit(&"k".repeat(257), &[]).is_err());
        assert!(spin_limit("k", &vec![0; (1 << 20) + 1]).is_err());
    }
}
