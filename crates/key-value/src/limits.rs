//! What every store refuses, and how long it may take.

use crate::key_value::KeyValueError;
use std::time::Duration;

/// The longest time that a call takes.
pub const CALL_LIMIT: Duration = Duration::from_secs(2);

/// The most that a key may have, in bytes: NATS takes lines of 4096 bytes, and writes up to three for each.
pub const MAXIMUM_KEY: usize = 1024;

/// The most that a value may have, in bytes.
pub const MAXIMUM_VALUE: usize = 2 * 1024 * 1024;

/// The most that a bucket's name may have, in bytes.
const MAXIMUM_BUCKET: usize = 64;

/// How many keys a page has, about.
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

/// Gives up on a call of `store` that takes longer than [`CALL_LIMIT`].
pub(crate) async fn within<T>(
    store: &str,
    call: impl Future<Output = Result<T, KeyValueError>>,
) -> Result<T, KeyValueError> {
    tokio::time::timeout(CALL_LIMIT, call).await.unwrap_or_else(|_| {
        let text = format!("{store} took longer than {} s", CALL_LIMIT.as_secs());
        Err(KeyValueError::Failed(text))
    })
}

/// The cursor isn't one that this store gave.
pub(crate) fn foreign_cursor() -> KeyValueError {
    KeyValueError::Failed("the cursor is none that this store gave".to_owned())
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
