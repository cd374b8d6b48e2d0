//! The encoding of bucket names and keys in the characters that NATS allows.
//!
//! A key-value bucket's name has letters, digits, `-` and `_`. A key may also have `/`, `=` and `.`, but not
//! a `.` at its beginning or end
//! (<https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-8.md>).

/// The name of the key-value bucket in NATS.
pub(super) fn bucket(name: &str) -> String {
    ["credwell_", &name.replace('_', "__").replace('.', "_d")].concat()
}

/// The encoded key. [`decode_key`] is the inverse.
pub(super) fn key(key: &str) -> String {
    // NATS has no empty key. No other key is encoded as "=".
    if key.is_empty() {
        return "=".to_owned();
    }
    let mut encoded = String::with_capacity(key.len());
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_/".contains(&byte) {
            encoded.push(byte.into());
        } else {
            encoded.push_str(&format!("={byte:02X}"));
        }
    }
    encoded
}

/// The decoded key. `None` for a key that [`key`] doesn't produce: another program has written it.
pub(super) fn decode_key(encoded: &str) -> Option<String> {
    let mut parts = encoded.split('=');
    let mut decoded = parts.next()?.as_bytes().to_vec();
    for part in parts {
        if encoded == "=" {
            break;
        }
        let (byte, rest) = part.split_at_checked(2)?;
        decoded.push(u8::from_str_radix(byte, 16).ok()?);
        decoded.extend_from_slice(rest.as_bytes());
    }
    // Rejects other encodings of the same key, such as lower-case digits.
    String::from_utf8(decoded).ok().filter(|decoded| key(decoded) == encoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_encoded_in_the_allowed_letters_and_back() {
        for (plain, expected) in [
            ("", "="),
            ("apn_K3ysTn8-x/1", "apn_K3ysTn8-x/1"),
            ("a.b", "a=2Eb"),
            ("=", "=3D"),
            ("a b*>\u{0}ü", "a=20b=2A=3E=00=C3=BC"),
        ] {
            assert_eq!(key(plain), expected);
            assert_eq!(decode_key(expected).as_deref(), Some(plain));
        }
        for foreign in ["a.b", "=2", "=zz", "=41", "=2e", "=C3", "=+1"] {
            assert_eq!(decode_key(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn no_two_buckets_have_one_name() {
        let names = ["", "_", "__", ".", "_d", "._", "_.", "a.b", "a_db", "a__b", "a_b"];
        let encoded: std::collections::BTreeSet<_> = names.into_iter().map(bucket).collect();
        assert_eq!(encoded.len(), names.len());
        assert_eq!(bucket("a.b_c"), "credwell_a_db__c");
    }
}
