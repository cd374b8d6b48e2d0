//! The envelope: the form in which the store holds an entry.
//!
//! | part | length | |
//! |---|---|---|
//! | magic | 2 | `CW` |
//! | version | 1 | 1 |
//! | kind | 1 | `e` encrypted, `p` plaintext |
//!
//! An encrypted envelope continues with (XChaCha20-Poly1305, draft-irtf-cfrg-xchacha):
//!
//! | part | length | |
//! |---|---|---|
//! | key id | 1 + n | its length, and the id |
//! | nonce | 24 | random; at this length, random nonces don't repeat in practice |
//! | text | m | encrypted |
//! | tag | 16 | authenticates the text and the associated data |
//!
//! The associated data (AAD) is all bytes before the nonce, and then the associated data of the
//! [cache key](crate::cache::key).
//!
//! A plaintext envelope continues with the digest of the cache key, which reveals an entry that was copied to
//! another key, and then with the text.

use crate::cache::key::CacheKey;
use crate::configuration::Protection;
use crate::configuration::encryption_keys::{EncryptionKey, EncryptionKeys};
use crate::ports::Entropy;
use crate::secret::{ExposeSecret, SecretSlice};
use alloc::vec::Vec;
use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{KeyInit, Tag, XChaCha20Poly1305, XNonce};
use core::ops::Range;

const ENCRYPTED: &[u8] = b"CW\x01e";
const PLAINTEXT: &[u8] = b"CW\x01p";
const NONCE_LENGTH: usize = 24;
const TAG_LENGTH: usize = 16;

/// Seals the text of an entry in an envelope for `cache_key`. None if the text has more than 256 GiB, which
/// the cipher can't encrypt.
pub fn seal(
    protection: &Protection,
    cache_key: &CacheKey,
    text: &SecretSlice<u8>,
    entropy: &impl Entropy,
) -> Option<Vec<u8>> {
    match protection {
        Protection::Plaintext => {
            Some([PLAINTEXT, cache_key.digest.as_bytes(), text.expose_secret()].concat())
        }
        Protection::Encrypted(keys) => encrypt(keys.current()?, cache_key, text, entropy),
    }
}

/// Opens an envelope and returns its text. None if the envelope is not intact, or was sealed for another
/// cache key or with another protection. With encryption, a plaintext envelope is not accepted.
///
/// The text takes the place of the envelope in memory, so that it is never copied.
pub fn open(protection: &Protection, cache_key: &CacheKey, mut envelope: Vec<u8>) -> Option<OpenedText> {
    let range = match protection {
        Protection::Plaintext => {
            let text = envelope.strip_prefix(PLAINTEXT)?.strip_prefix(cache_key.digest.as_bytes())?;
            envelope.len() - text.len()..envelope.len()
        }
        Protection::Encrypted(keys) => decrypt(keys, cache_key, &mut envelope)?,
    };
    Some(OpenedText { envelope: envelope.into(), range })
}

/// The text of an opened envelope.
pub struct OpenedText {
    /// The opened envelope, which holds the text.
    envelope: SecretSlice<u8>,
    range: Range<usize>,
}

impl ExposeSecret<[u8]> for OpenedText {
    fn expose_secret(&self) -> &[u8] {
        self.envelope.expose_secret().get(self.range.clone()).unwrap_or_default()
    }
}

fn encrypt(
    key: &EncryptionKey,
    cache_key: &CacheKey,
    text: &SecretSlice<u8>,
    entropy: &impl Entropy,
) -> Option<Vec<u8>> {
    let id = key.id.as_bytes();
    let header = [ENCRYPTED, &[u8::try_from(id.len()).ok()?], id].concat();
    let mut nonce = [0; NONCE_LENGTH];
    entropy.fill(&mut nonce);

    let mut envelope = [&header, nonce.as_slice(), text.expose_secret()].concat();
    let text_start = header.len() + NONCE_LENGTH;
    let associated_data = [&header, cache_key.associated_data.as_slice()].concat();
    let cipher = XChaCha20Poly1305::new(key.expose()?);
    let in_place = envelope.get_mut(text_start..)?.into();
    let tag = cipher.encrypt_inout_detached(&XNonce::from(nonce), &associated_data, in_place).ok()?;
    envelope.extend_from_slice(&tag);
    Some(envelope)
}

/// Decrypts the text of an envelope in its place. Returns where the text is.
fn decrypt(keys: &EncryptionKeys, cache_key: &CacheKey, envelope: &mut [u8]) -> Option<Range<usize>> {
    let id_start = ENCRYPTED.len() + 1;
    let id_length = *envelope.strip_prefix(ENCRYPTED)?.first()?;
    let (header, rest) = envelope.split_at_mut_checked(id_start + usize::from(id_length))?;
    let (nonce, rest) = rest.split_first_chunk_mut::<NONCE_LENGTH>()?;
    let (text, tag) = rest.split_last_chunk_mut::<TAG_LENGTH>()?;

    let associated_data = [header, cache_key.associated_data.as_slice()].concat();
    let cipher = XChaCha20Poly1305::new(keys.find(header.get(id_start..)?)?.expose()?);
    let start = header.len() + NONCE_LENGTH;
    let range = start..start + text.len();
    let (nonce, tag) = (XNonce::from(*nonce), Tag::from(*tag));
    cipher.decrypt_inout_detached(&nonce, &associated_data, text.into(), &tag).ok()?;
    Some(range)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Counter(std::cell::Cell<u8>);

    impl Entropy for Counter {
        fn fill(&self, bytes: &mut [u8]) {
            self.0.set(self.0.get().wrapping_add(1));
            bytes.fill(self.0.get());
        }
    }

    fn entropy() -> Counter {
        Counter(std::cell::Cell::new(0))
    }

    fn keys(text: &str) -> Protection {
        let pairs =
            text.split(',').map(|id| format!("{id}:{}", format!("{:02x}", id.as_bytes()[0]).repeat(32)));
        let text = pairs.collect::<Vec<_>>().join(",");
        Protection::Encrypted(EncryptionKeys::parse(&text).unwrap())
    }

    fn cache_key(name: &str) -> CacheKey {
        let digest = format!("{name:0>64}");
        CacheKey { slot: None, digest, associated_data: name.as_bytes().to_vec() }
    }

    fn sealed(protection: &Protection, cache_key: &CacheKey, text: &[u8]) -> Vec<u8> {
        seal(protection, cache_key, &text.to_vec().into(), &entropy()).unwrap()
    }

    fn opened(protection: &Protection, cache_key: &CacheKey, envelope: &[u8]) -> Option<Vec<u8>> {
        open(protection, cache_key, envelope.to_vec()).map(|text| text.expose_secret().to_vec())
    }

    #[test]
    fn every_configured_key_opens_and_the_first_one_seals() {
        let old = sealed(&keys("old"), &cache_key("a"), b"text");
        assert_eq!(opened(&keys("new,old"), &cache_key("a"), &old).unwrap(), b"text");
        assert!(opened(&keys("new"), &cache_key("a"), &old).is_none());
        let new = sealed(&keys("new,old"), &cache_key("a"), b"text");
        assert!(opened(&keys("old"), &cache_key("a"), &new).is_none());
    }

    #[test]
    fn another_key_under_the_same_id_opens_nothing() {
        let one = Protection::Encrypted(EncryptionKeys::parse(&format!("k:{}", "11".repeat(32))).unwrap());
        let other = Protection::Encrypted(EncryptionKeys::parse(&format!("k:{}", "22".repeat(32))).unwrap());
        assert!(opened(&other, &cache_key("a"), &sealed(&one, &cache_key("a"), b"text")).is_none());
    }

    #[test]
    fn an_envelope_opens_only_under_its_own_cache_key() {
        for protection in [keys("k"), Protection::Plaintext] {
            let envelope = sealed(&protection, &cache_key("a"), b"text");
            assert!(opened(&protection, &cache_key("a"), &envelope).is_some());
            assert!(opened(&protection, &cache_key("b"), &envelope).is_none());
        }
    }

    #[test]
    fn plaintext_and_encrypted_envelopes_are_not_confused() {
        let plaintext = sealed(&Protection::Plaintext, &cache_key("a"), b"text");
        assert!(opened(&keys("k"), &cache_key("a"), &plaintext).is_none());
        let encrypted = sealed(&keys("k"), &cache_key("a"), b"text");
        assert!(opened(&Protection::Plaintext, &cache_key("a"), &encrypted).is_none());
    }

    #[test]
    fn each_envelope_has_a_nonce_of_its_own() {
        let entropy = entropy();
        let text = SecretSlice::from(b"text".to_vec());
        let one = seal(&keys("k"), &cache_key("a"), &text, &entropy).unwrap();
        let other = seal(&keys("k"), &cache_key("a"), &text, &entropy).unwrap();
        assert_ne!(one, other);
        assert_ne!(one[one.len() - 20..], other[other.len() - 20..]);
    }

    #[test]
    fn the_cipher_is_the_one_of_the_published_test_vector() {
        // draft-irtf-cfrg-xchacha, appendix A.3.1.
        let bytes = |text: &str| base16ct::mixed::decode_vec(text).unwrap();
        let key = bytes("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
        let nonce: [u8; 24] = bytes("404142434445464748494a4b4c4d4e4f5051525354555657").try_into().unwrap();
        let mut text = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.".to_vec();
        let cipher = XChaCha20Poly1305::new(key.as_slice().try_into().unwrap());
        let in_place = text.as_mut_slice().into();
        let tag = cipher
            .encrypt_inout_detached(&XNonce::from(nonce), &bytes("50515253c0c1c2c3c4c5c6c7"), in_place)
            .unwrap();
        assert_eq!(tag.as_slice(), bytes("c0875924c1c7987947deafd8780acf49"));
        assert_eq!(text[..8], bytes("bd6d179d3e83d43b"));
    }

    proptest! {
        #[test]
        fn what_is_sealed_is_opened(text in prop::collection::vec(any::<u8>(), 0..512)) {
            for protection in [keys("k,l"), Protection::Plaintext] {
                let envelope = sealed(&protection, &cache_key("a"), &text);
                prop_assert_eq!(opened(&protection, &cache_key("a"), &envelope).unwrap(), text.clone());
            }
        }

        #[test]
        fn a_changed_or_shortened_envelope_is_not_opened(
            text in prop::collection::vec(any::<u8>(), 0..64), index: prop::sample::Index, bit in 0..8_u8
        ) {
            let protection = keys("k");
            let envelope = sealed(&protection, &cache_key("a"), &text);
            let index = index.index(envelope.len());
            let mut changed = envelope.clone();
            changed[index] ^= 1_u8 << bit;
            prop_assert!(opened(&protection, &cache_key("a"), &changed).is_none());
            prop_assert!(opened(&protection, &cache_key("a"), &envelope[..index]).is_none());
        }

        #[test]
        fn foreign_bytes_are_not_opened(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
            prop_assert!(opened(&keys("k"), &cache_key("a"), &bytes).is_none());
            let after_magic = [ENCRYPTED, &bytes].concat();
            prop_assert!(opened(&keys("k"), &cache_key("a"), &after_magic).is_none());
        }
    }
}
