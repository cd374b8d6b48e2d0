//! The encryption keys of cached entries.

use crate::secret::{ExposeSecret, SecretSlice};
use alloc::borrow::ToOwned;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use chacha20poly1305::Key;

/// The limit on keys. A rotation needs two.
const MAXIMUM_KEYS: usize = 16;
const MAXIMUM_ID_LENGTH: usize = 32;

/// One key, and the id by which entries name it.
#[derive(Debug)]
pub struct EncryptionKey {
    /// The id: 1 to 32 letters, digits, `-` and `_`.
    pub id: String,
    key: SecretSlice<u8>,
}

impl EncryptionKey {
    /// The key. None if it does not have 32 bytes, which the parser has checked.
    pub fn expose(&self) -> Option<&Key> {
        self.key.expose_secret().try_into().ok()
    }
}

/// One or more keys. The first key encrypts, and all keys decrypt. So the operator can put a new key in front
/// while entries of the old key stay readable. Clones share the keys.
#[derive(Clone, Debug)]
pub struct EncryptionKeys(Rc<[EncryptionKey]>);

impl EncryptionKeys {
    /// Reads `id:key` pairs separated by commas, each key 64 hexadecimal digits: `2026b:8f…,2026a:03…`. None
    /// for any other text, and for a repeated id.
    pub fn parse(text: &str) -> Option<Self> {
        let mut keys: Vec<EncryptionKey> = Vec::new();
        for pair in text.split(',') {
            let key = parse_key(pair.trim())?;
            if keys.len() == MAXIMUM_KEYS || keys.iter().any(|known| known.id == key.id) {
                return None;
            }
            keys.push(key);
        }
        Some(Self(keys.into()))
    }

    /// The random key of an instance, for entries in its memory. None if the key does not have 32 bytes.
    pub fn of_instance(key: SecretSlice<u8>) -> Option<Self> {
        let key = EncryptionKey { id: "instance".to_owned(), key };
        key.expose().is_some().then(|| Self(Rc::new([key])))
    }

    /// The key that encrypts new entries.
    pub fn current(&self) -> Option<&EncryptionKey> {
        self.0.first()
    }

    /// The key with this id.
    pub fn find(&self, id: &[u8]) -> Option<&EncryptionKey> {
        self.0.iter().find(|key| key.id.as_bytes() == id)
    }
}

fn parse_key(pair: &str) -> Option<EncryptionKey> {
    let (id, digits) = pair.split_once(':')?;
    let is_id = (1..=MAXIMUM_ID_LENGTH).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let key = EncryptionKey { id: id.to_owned(), key: base16ct::mixed::decode_vec(digits).ok()?.into() };
    (is_id && key.expose().is_some()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(digit: &str) -> String {
        digit.repeat(64)
    }

    #[test]
    fn the_first_key_encrypts_and_all_are_found() {
        let keys = EncryptionKeys::parse(&format!("new:{}, old:{}", digits("a"), digits("B"))).unwrap();
        assert_eq!(keys.current().unwrap().id, "new");
        assert_eq!(keys.find(b"old").unwrap().expose().unwrap().as_slice(), [0xbb; 32]);
        assert!(keys.find(b"other").is_none());
    }

    #[test]
    fn malformed_keys_are_refused() {
        for text in [
            String::new(),
            digits("a"),
            format!(":{}", digits("a")),
            format!("k:{}", "a".repeat(63)),
            format!("k:{}", "a".repeat(62)),
            format!("k:{}", "a".repeat(66)),
            format!("k:{}", digits("g")),
            format!("k:{},", digits("a")),
            format!("k:{},k:{}", digits("a"), digits("b")),
            format!("k k:{}", digits("a")),
            format!("{}:{}", "k".repeat(33), digits("a")),
        ] {
            assert!(EncryptionKeys::parse(&text).is_none(), "{text}");
        }
    }

    #[test]
    fn the_key_of_an_instance_encrypts() {
        let keys = EncryptionKeys::of_instance(vec![7; 32].into()).unwrap();
        assert_eq!(keys.current().unwrap().expose().unwrap().as_slice(), [7; 32]);
        assert!(keys.find(b"instance").is_some());
        assert!(EncryptionKeys::of_instance(vec![7; 31].into()).is_none());
    }

    #[test]
    fn a_key_is_not_printed() {
        let keys = EncryptionKeys::parse(&format!("k:{}", digits("a"))).unwrap();
        let printed = format!("{keys:?}");
        assert!(printed.contains('k') && !printed.contains("aa") && !printed.contains("170"));
    }
}
