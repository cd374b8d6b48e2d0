//! The types that cached_account secrets: they can't be printed, and they are wiped when they are dropped.
//!
//! They are the ones of the `secrecy` crate. A value grows into them from buffers that move as they
//! grow; in the component, where all memory is the guest's own, the allocator wipes those too (see
//! `src/wasi_p2/mod.rs`).

pub use secrecy::{ExposeSecret, SecretSlice, SecretString};

/// Whether two secrets are the same, without telling by the time it takes where they differ.
pub fn same(one: &SecretString, other: &SecretString) -> bool {
    use subtle::ConstantTimeEq;
    let (one, other) = (one.expose_secret(), other.expose_secret());
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// Whether a key can stand in a header: anything but visible ASCII would break the request or the rules of RFC 6750,
/// section 2.1.
pub fn can_be_sent(key: &SecretString) -> bool {
    let key = key.expose_secret();
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_nothing_of_itself() {
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
