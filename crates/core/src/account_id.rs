//! The account id, validated before it becomes part of a URL.

use alloc::borrow::ToOwned;
use alloc::string::String;

/// The maximum length of an id, in characters. The upstream's ids are far shorter, and a URL may be far
/// longer.
const MAXIMUM_LENGTH: usize = 128;

/// The id of a connected account: `apn_` and then letters or digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountId(String);

impl AccountId {
    /// Reads an id that matches `^apn_[A-Za-z0-9]+$` and has at most 128 characters.
    ///
    /// # Errors
    /// [`InvalidAccountId`] for any other text.
    pub fn parse(text: &str) -> Result<Self, InvalidAccountId> {
        if is_identifier(text, "apn_") { Ok(Self(text.to_owned())) } else { Err(InvalidAccountId) }
    }

    /// The id as the upstream spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is not an account id. The error does not repeat the text, which can be a secret in the wrong
/// field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the account id is malformed: it is apn_ and then letters or digits, as copied from the account's menu"
)]
pub struct InvalidAccountId;

/// Whether `text` is `prefix` and then one or more ASCII letters or digits, with at most 128 characters in
/// all.
pub fn is_identifier(text: &str, prefix: &str) -> bool {
    text.len() <= MAXIMUM_LENGTH
        && text
            .strip_prefix(prefix)
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_of_the_upstream_are_taken() {
        assert_eq!(AccountId::parse("apn_EOhwvQr").unwrap().as_str(), "apn_EOhwvQr");
        assert!(AccountId::parse(&format!("apn_{}", "a".repeat(124))).is_ok());
    }

    #[test]
    fn everything_else_is_refused() {
        let too_long = format!("apn_{}", "a".repeat(125));
        for text in [
            "",
            "apn_",
            "apn-abc",
            "APN_abc",
            " apn_abc",
            "apn_abc ",
            "apn_abc\n",
            "apn_a/b",
            "apn_..",
            "apn_a%2e",
            "apn_a?b=c",
            "apn_é",
            "proj_abc",
            &too_long,
        ] {
            assert!(AccountId::parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn an_id_has_no_character_with_a_meaning_in_a_url(text in "(apn_)?.{0,20}") {
            if let Ok(id) = AccountId::parse(&text) {
                prop_assert!(id.as_str()[4..].bytes().all(|byte| byte.is_ascii_alphanumeric()));
                prop_assert_eq!(id.as_str(), text);
            }
        }
    }
}
