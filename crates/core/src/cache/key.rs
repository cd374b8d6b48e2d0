//! The cache key: where the bucket holds an entry, and which data the entry's encryption is bound to.

use crate::account_id::AccountId;
use crate::configuration::Configuration;
use crate::configuration::partition::push_part;
use alloc::string::String;
use alloc::vec::Vec;

const VERSION: &[u8] = b"credwell entry, version 1";

/// More bytes than the parts of a subject and the digest have, with their lengths: an account id has at most
/// 128 bytes.
const MAXIMUM_SUBJECT: usize = 256;

/// The cache key of one entry.
///
/// | | |
/// |---|---|
/// | digest | `HMAC-SHA256(API key or client secret, context)` in hexadecimal digits |
/// | context | `credwell entry, version 1`, then each part with its length before it |
/// | part | its length as a little-endian `u64`, then its bytes |
/// | associated data | the context, then the digest as a part |
/// | store key | the digest, or for a short-lived entry the name of a slot |
///
/// The parts are what distinguishes entries, such as the account id, the tenant and the base URL. Different
/// lists of parts have different contexts, because each part has its length before it.
///
/// A reader of the store learns neither account ids nor API keys. Two API keys never share an entry. The
/// digest does not depend on the encryption keys, so a rotation of these keeps all entries.
///
/// A slot is one of 256 places for short-lived entries. All accounts and API keys share the slots, so that
/// requests with made-up keys and ids can't fill the store. Two entries can have the same slot: the later one
/// replaces the earlier one. A reader of the earlier one then finds nothing, because the envelope opens for
/// the digest of the later one only.
pub struct CacheKey {
    /// The slot of a short-lived entry.
    pub slot: Option<String>,
    /// What the entry is about: 64 hexadecimal digits.
    pub digest: String,
    /// The associated data (AAD) of the entry's encryption.
    pub associated_data: Vec<u8>,
}

impl CacheKey {
    /// The key of an account's entry: its credentials, or a negative entry.
    pub fn of_account(configuration: &Configuration, account_id: &AccountId) -> Self {
        Self::new(configuration, ["account", account_id.as_str()])
    }

    /// The key of the failure that a leader shares with the followers of a flight for an account.
    pub fn of_failure(configuration: &Configuration, account_id: &AccountId) -> Self {
        Self::new(configuration, ["failure", account_id.as_str()]).in_slot("failure")
    }

    /// The key of the OAuth client's own token.
    pub fn of_oauth_token(configuration: &Configuration) -> Self {
        Self::new(configuration, ["oauth token", ""])
    }

    /// The key of the failure that a leader shares with the followers of a flight for the OAuth client's
    /// token.
    pub fn of_oauth_token_failure(configuration: &Configuration) -> Self {
        Self::new(configuration, ["oauth token failure", ""]).in_slot("failure")
    }

    /// The key of the hold-off: how long the upstream wants no request with this API key or OAuth client.
    pub fn of_hold_off(configuration: &Configuration) -> Self {
        Self::new(configuration, ["hold-off", ""]).in_slot("hold-off")
    }

    /// The key of the hold-off for requests for tokens of the OAuth client.
    pub fn of_oauth_token_hold_off(configuration: &Configuration) -> Self {
        Self::new(configuration, ["oauth token hold-off", ""]).in_slot("hold-off")
    }

    fn in_slot(self, kind: &str) -> Self {
        let slot = self.digest.get(..2).unwrap_or_default();
        Self { slot: Some(["credwell.", kind, ".", slot].concat()), ..self }
    }

    /// The key in the bucket.
    pub fn store_key(&self) -> &str {
        self.slot.as_ref().unwrap_or(&self.digest)
    }

    fn new(configuration: &Configuration, subject: [&str; 2]) -> Self {
        let partition = configuration.partition();
        let mut context = Vec::with_capacity(VERSION.len() + partition.parts.len() + MAXIMUM_SUBJECT);
        context.extend_from_slice(VERSION);
        for part in subject {
            push_part(&mut context, part.as_bytes());
        }
        context.extend_from_slice(&partition.parts);
        let digest = base16ct::lower::encode_string(&partition.hash(&context));
        push_part(&mut context, digest.as_bytes());
        Self { slot: None, digest, associated_data: context }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::base_url::BaseUrl;
    use crate::configuration::refresh_policy::RefreshPolicy;
    use crate::configuration::{Authorization, Protection, RequestForm};
    use crate::ports::BucketLocation;
    use core::cell::OnceCell;
    use core::time::Duration;
    use std::collections::HashSet;

    pub(super) fn configuration(api_key: &str) -> Configuration {
        let second = Duration::from_secs(1);
        Configuration {
            base_url: BaseUrl::parse("https://api.pipedream.com", false).unwrap(),
            form: RequestForm::Credentials,
            authorization: Authorization::ApiKey(api_key.into()),
            bucket: BucketLocation::Host("default".to_owned()),
            tenant: String::new(),
            protection: Protection::Plaintext,
            refresh: RefreshPolicy { window: second, max_age_without_expiry: None, recheck: None },
            negative_age: second,
            forced_refresh_age: second,
            connect_timeout: second,
            first_byte_timeout: second,
            between_bytes_timeout: second,
            deadline: second,
            max_retries: 0,
            is_kept: true,
            partition: OnceCell::new(),
        }
    }

    #[test]
    fn each_difference_gives_another_cache_key() {
        let id = |id| AccountId::parse(id).unwrap();
        let base = configuration("key-1");
        let url = |url| BaseUrl::parse(url, true).unwrap();
        let connect = |project: &str, environment: &str| RequestForm::Connect {
            project_id: project.to_owned(),
            environment: environment.to_owned(),
        };
        let client = |id: &str| Authorization::OAuthClient { id: id.to_owned(), secret: "key-1".into() };
        let cache_keys = [
            CacheKey::of_account(&base, &id("apn_a")),
            CacheKey::of_account(&base, &id("apn_b")),
            CacheKey::of_account(&configuration("key-2"), &id("apn_a")),
            CacheKey::of_failure(&base, &id("apn_a")),
            CacheKey::of_oauth_token(&base),
            CacheKey::of_oauth_token_failure(&base),
            CacheKey::of_hold_off(&base),
            CacheKey::of_oauth_token_hold_off(&base),
            CacheKey::of_account(
                &Configuration { tenant: "apn_a".to_owned(), ..configuration("key-1") },
                &id("apn_a"),
            ),
            CacheKey::of_account(
                &Configuration { base_url: url("https://other.example"), ..configuration("key-1") },
                &id("apn_a"),
            ),
            CacheKey::of_account(
                &Configuration { base_url: url("http://api.pipedream.com"), ..configuration("key-1") },
                &id("apn_a"),
            ),
            CacheKey::of_account(
                &Configuration { base_url: url("https://api.pipedream.com/a"), ..configuration("key-1") },
                &id("apn_a"),
            ),
            CacheKey::of_account(
                &Configuration { form: RequestForm::Account, ..configuration("key-1") },
                &id("apn_a"),
            ),
            CacheKey::of_account(
                &Configuration { form: connect("proj_a", "production"), ..configuration("key-1") },
                &id("apn_a"),
            ),
            CacheKey::of_account(
                &Configuration { form: connect("proj_a", "development"), ..configuration("key-1") },
                &id("apn_a"),
            ),
            CacheKey::of_account(
                &Configuration { authorization: client("c"), ..configuration("key-1") },
                &id("apn_a"),
            ),
        ];
        let digests: HashSet<_> = cache_keys.iter().map(|cache_key| &cache_key.digest).collect();
        let associated_data: HashSet<_> =
            cache_keys.iter().map(|cache_key| &cache_key.associated_data).collect();
        assert_eq!((digests.len(), associated_data.len()), (cache_keys.len(), cache_keys.len()));
    }

    #[test]
    fn a_store_key_is_64_hexadecimal_digits() {
        let cache_key = CacheKey::of_account(&configuration("key-1"), &AccountId::parse("apn_a").unwrap());
        assert_eq!(cache_key.store_key().len(), 64);
        assert!(cache_key.store_key().bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(cache_key.store_key(), cache_key.digest);
    }

    #[test]
    fn short_lived_entries_have_at_most_256_slots_of_each_kind() {
        let mut store_keys = HashSet::new();
        for number in 0..5_000 {
            let configuration = configuration(&format!("key-{number}"));
            let id = AccountId::parse(&format!("apn_{number}")).unwrap();
            store_keys.insert(CacheKey::of_failure(&configuration, &id).store_key().to_owned());
            store_keys.insert(CacheKey::of_hold_off(&configuration).store_key().to_owned());
        }
        assert_eq!(store_keys.len(), 512);
        assert!(store_keys.contains("credwell.failure.a7") && store_keys.contains("credwell.hold-off.00"));
    }
}
