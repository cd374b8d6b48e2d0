//! The partition: what separates the cache entries of one configuration from those of another one in the same
//! bucket.

use super::{Authorization, Configuration, RequestForm};
use crate::secret::ExposeSecret;
use alloc::vec::Vec;
use core::fmt;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The partition of a configuration: a keyed hash, and parts of the hashed message. The key is the API key or
/// the client secret. The parts are what else distinguishes entries, such as the tenant and the base URL.
///
/// [`crate::cache::key`] says how both become a cache key.
#[derive(Clone)]
pub struct Partition {
    /// The hash after its key (RFC 2104, section 4). It is as secret as the key.
    hash: Hmac<Sha256>,
    /// The parts, each with its length before it.
    pub parts: Vec<u8>,
}

impl Partition {
    /// The partition of this configuration.
    pub(super) fn new(configuration: &Configuration) -> Self {
        let (form, project_id, environment) = match &configuration.form {
            RequestForm::Credentials => ("credentials", "", ""),
            RequestForm::Account => ("account", "", ""),
            RequestForm::Connect { project_id, environment } => {
                ("connect", project_id.as_str(), environment.as_str())
            }
        };
        let client_id = match &configuration.authorization {
            Authorization::ApiKey(_) | Authorization::CallersKey(_) => "",
            Authorization::OAuthClient { id, .. } => id,
        };
        let scheme = if configuration.base_url.secure { "https" } else { "http" };
        let base_url = &configuration.base_url;
        let tenant = configuration.tenant.as_str();
        let mut parts = Vec::new();
        for part in
            [tenant, scheme, &base_url.authority, &base_url.path, form, project_id, environment, client_id]
        {
            push_part(&mut parts, part.as_bytes());
        }
        let secret = configuration.partition_secret().expose_secret();
        Self { hash: hash_with_key(secret.as_bytes()), parts }
    }

    /// The keyed hash of a message: HMAC-SHA256 (RFC 2104).
    pub fn hash(&self, message: &[u8]) -> [u8; 32] {
        let mut hash = self.hash.clone();
        hash.update(message);
        hash.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Partition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Partition")
    }
}

/// Appends a part: its length as a little-endian `u64`, then its bytes.
pub fn push_part(message: &mut Vec<u8>, part: &[u8]) {
    message.extend_from_slice(&(part.len() as u64).to_le_bytes());
    message.extend_from_slice(part);
}

#[expect(clippy::unreachable, reason = "a hash without the key must not be used in place of a keyed one")]
fn hash_with_key(key: &[u8]) -> Hmac<Sha256> {
    // HMAC takes keys of every length (RFC 2104, section 3), so the error of the trait doesn't occur.
    match Hmac::new_from_slice(key) {
        Ok(hash) => hash,
        Err(_) => unreachable!("HMAC takes keys of every length"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keyed_hash_is_the_one_of_rfc_4231() {
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let partition = Partition { hash: hash_with_key(b"Jefe"), parts: Vec::new() };
        let hash = partition.hash(b"what do ya want for nothing?");
        assert_eq!(base16ct::lower::encode_string(&hash), expected);
        assert!(!format!("{partition:?}").contains('4'));
    }
}
