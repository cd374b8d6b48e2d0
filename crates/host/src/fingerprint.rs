//! Fingerprints, which stand for a caller's token or an account in logs and traces.

use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt;
use std::sync::Arc;
use wasmtime_wasi::Rng;

/// The length of a fingerprint, in bytes. With 64 bits, a few million fingerprints most likely have no
/// collision.
const LENGTH: usize = 8;

/// The key of an installation's fingerprints. A fingerprint is the first 16 hexadecimal digits of an
/// `HMAC-SHA256` (RFC 2104) under the key.
///
/// Under one key, equal fingerprints mean the same token or the same account. A token and an account have
/// different fingerprints, even if their texts are equal. Nobody can test a guess without the key. Whoever
/// has the key and a list of account ids can compute the fingerprint of each account, but a random token
/// can't be guessed.
#[derive(Clone)]
pub struct FingerprintKey(Arc<Hmac<Sha256>>);

impl FingerprintKey {
    /// A key that the embedder stores, so that the fingerprints of several runs and machines can be compared.
    /// The key should be 32 random bytes.
    pub fn new(key: &[u8]) -> Self {
        Self(Arc::new(Hmac::new_from_slice(key).expect("HMAC takes keys of any length")))
    }

    /// A random key, which is lost at the end of the process.
    pub fn random() -> Self {
        let mut key = [0; 32];
        wasmtime_wasi::thread_rng().fill_bytes(&mut key);
        Self::new(&key)
    }

    pub(crate) fn of_token(&self, token: &[u8]) -> String {
        self.of(b"token", token)
    }

    pub(crate) fn of_account(&self, id: &str) -> String {
        self.of(b"account", id.as_bytes())
    }

    fn of(&self, kind: &[u8], text: &[u8]) -> String {
        let mut hash = Hmac::clone(&self.0);
        hash.update(kind);
        hash.update(&[0]);
        hash.update(text);
        let hash = hash.finalize().into_bytes();
        hash.iter().take(LENGTH).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("FingerprintKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_depends_on_the_key_the_kind_and_the_text() {
        let key = FingerprintKey::new(b"one");
        let fingerprint = key.of_token(b"text");
        assert_eq!(fingerprint.len(), 16);
        assert_eq!(FingerprintKey::new(b"one").of_token(b"text"), fingerprint);
        assert_ne!(FingerprintKey::new(b"two").of_token(b"text"), fingerprint);
        assert_ne!(FingerprintKey::random().of_token(b"text"), fingerprint);
        assert_ne!(key.of_account("text"), fingerprint);
        assert_ne!(key.of_token(b"texts"), fingerprint);
    }
}
