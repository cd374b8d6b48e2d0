//! The limits of every store: sizes, names, and the longest time of a call.

use crate::key_value::KeyValueError;
use std::time::Duration;

/// The longest time of a call.
pub const CALL_LIMIT: Duration = Duration::from_secs(2);

/// The longest key, in bytes. NATS takes lines of 4096 bytes, and each byte of a key becomes up to three.
pub const MAXIMUM_KEY: usize = 1024;

/// The end of the key of a lease's number. The broker makes such keys.
pub const LEASE_SUFFIX: &str = ".lease";

/// The longest value, in bytes.
pub const MAXIMUM_VALUE: usize = 2 * 1024 * 1024;

/// The longest name of a bucket, in bytes.
const MAXIMUM_BUCKET: usize = 64;

/// The approximate number of keys in a page.
pub(crate) const PAGE: usize = 1000;

pub(crate) fn check_bucket(bucket: &str) -> Result<(), KeyValueError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if bucket.len() <= MAXIMUM_BUCKET && bucket.bytes().all(allowed) {
        Ok(())
    } else {
        Err(KeyValueError::NoSuchBucket)
    }
}

pub(crate) fn check_key(bucket: &str, key: &str) -> Result<(), KeyValueError> {
    check_bucket(bucket)?;
    if key.len() > MAXIMUM_KEY {
        let text = format!("the key has {} bytes, more than {MAXIMUM_KEY}", key.len());
        return Err(KeyValueError::Failed(text));
    }
    Ok(())
}

#[cfg(any(feature = "file", feature = "nats", feature = "redis"))]
pub(crate) fn check_keys(bucket: &str, keys: &[String]) -> Result<(), KeyValueError> {
    check_bucket(bucket)?;
    keys.iter().try_for_each(|key| check_key(bucket, key))
}

pub(crate) fn check_value(bucket: &str, key: &str, value: &[u8]) -> Result<(), KeyValueError> {
    check_key(bucket, key)?;
    if value.len() > MAXIMUM_VALUE {
        let text = format!("the value has {} bytes, more than {MAXIMUM_VALUE}", value.len());
        return Err(KeyValueError::Failed(text));
    }
    Ok(())
}

/// Stops waiting for a call of `store` after [`CALL_LIMIT`], and returns an error.
#[cfg(any(feature = "file", feature = "nats", feature = "redis"))]
pub(crate) async fn within_call_limit<T>(
    store: &str,
    call: impl Future<Output = Result<T, KeyValueError>>,
) -> Result<T, KeyValueError> {
    tokio::time::timeout(CALL_LIMIT, call).await.unwrap_or_else(|_| {
        let text = format!("{store} took longer than {} s", CALL_LIMIT.as_secs());
        Err(KeyValueError::Failed(text))
    })
}

/// The error for a cursor that this store did not issue.
#[cfg(any(feature = "nats", feature = "redis"))]
pub(crate) fn foreign_cursor() -> KeyValueError {
    KeyValueError::Failed("the cursor is not one of this store".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_has_a_plain_name_or_none() {
        for good in ["", "default", "A-z_0.9", &"b".repeat(64)] {
            assert_eq!(check_bucket(good), Ok(()), "{good}");
        }
        for bad in ["a b", "a:b", "a*", "ü", "a/b", &"b".repeat(65)] {
            assert_eq!(check_bucket(bad), Err(KeyValueError::NoSuchBucket), "{bad}");
        }
    }
}
