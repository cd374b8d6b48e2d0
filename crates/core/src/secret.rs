//! The types of secrets, from the `secrecy` crate. A secret can't be printed, and its memory is wiped when it
//! is dropped.
//!
//! A buffer that grows leaves copies in freed memory. In the component, the allocator wipes all freed memory
//! (see `src/wasi_p2/mod.rs`).

pub use secrecy::{ExposeSecret, SecretSlice, SecretString};

/// Whether two secrets are equal, in constant time for secrets of the same length.
pub fn same(one: &SecretString, other: &SecretString) -> bool {
    use subtle::ConstantTimeEq;
    let (one, other) = (one.expose_secret(), other.expose_secret());
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// Whether a secret can be sent in the header `Authorization`: it is not empty, and all of it is visible
/// ASCII. Any other character would break the request or the syntax of RFC 6750, section 2.1.
pub fn can_be_sent(secret: &SecretString) -> bool {
    let secret = secret.expose_secret();
    !secret.is_empty() && secret.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        let secret = SecretString::from("xoxb-1234");
        assert!(!format!("{secret:?}").contains("xoxb"));
        let bytes = SecretSlice::from(b"xoxb-1234".to_vec());
        assert!(!format!("{bytes:?}").contains("120"));
    }

    #[test]
    fn secrets_are_compared_by_value() {
        let secret = SecretString::from("xoxb-1234");
        assert!(same(&secret, &"xoxb-1234".into()));
        assert!(!same(&secret, &"xoxb-1235".into()));
        assert!(!same(&secret, &"xoxb-123".into()));
    }
}
