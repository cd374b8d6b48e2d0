//! The cache key: where the bucket holds an entry, and which data the entry's encryption is bound to.

use crate::account_id::AccountId;
use crate::configuration::{Authorization, Configuration, RequestForm};
use crate::secret::ExposeSecret;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

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
    /// The key in the bucket.
    pub store_key: String,
    /// What the entry is about: 64 hexadecimal digits.
    pub digest: String,
    /// The associated data (AAD) of the entry's encryption.
    pub associated_data: Vec<u8>,
}

impl CacheKey {
    /// The key of an account's entry: its credentials, or a negative entry.
    pub fn of_account(configuration: &Configuration, account_id: &AccountId) -> Self {
        Self::new(configuration, &["account", account_id.as_str()])
    }

    /// The key of the failure that a leader shares with the followers of a flight for an account.
    pub fn of_failure(configuration: &Configuration, account_id: &AccountId) -> Self {
        Self::new(configuration, &["failure", account_id.as_str()]).in_slot("failure")
    }

    /// The key of the OAuth client's own token.
    pub fn of_oauth_token(configuration: &Configuration) -> Self {
        Self::new(configuration, &["oauth token", ""])
    }

    /// The key of the failure that a leader shares with the followers of a flight for the OAuth client's
    /// token.
    pub fn of_oauth_token_failure(configuration: &Configuration) -> Self {
        Self::new(configuration, &["oauth token failure", ""]).in_slot("failure")
    }

    /// The key of the hold-off: how long the upstream wants no request with this API key or OAuth client.
    pub fn of_hold_off(configuration: &Configuration) -> Self {
        Self::new(configuration, &["hold-off", ""]).in_slot("hold-off")
    }

    /// The key of the hold-off for requests for tokens of the OAuth client.
    pub fn of_oauth_token_hold_off(configuration: &Configuration) -> Self {
        Self::new(configuration, &["oauth token hold-off", ""]).in_slot("hold-off")
    }

    fn in_slot(self, kind: &str) -> Self {
        let slot = self.digest.get(..2).unwrap_or_default();
        Self { store_key: ["credwell.", kind, ".", slot].concat(), ..self }
    }

    fn new(configuration: &Configuration, subject: &[&str]) -> Self {
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
        let common =
            [tenant, scheme, &base_url.authority, &base_url.path, form, project_id, environment, client_id];

        let mut context = b"credwell entry, version 1".to_vec();
        for part in subject.iter().chain(&common) {
            push_part(&mut context, part.as_bytes());
        }
        let secret = configuration.partition_secret().expose_secret();
        let digest = base16ct::lower::encode_string(&keyed_hash(secret.as_bytes(), &context));
        push_part(&mut context, digest.as_bytes());
        Self { store_key: digest.clone(), digest, associated_data: context }
    }
}

fn push_part(context: &mut Vec<u8>, part: &[u8]) {
    context.extend_from_slice(&(part.len() as u64).to_le_bytes());
    context.extend_from_slice(part);
}

#[expect(clippy::unreachable, reason = "a hash without the key must not be used in place of a keyed one")]
fn keyed_hash(key: &[u8], message: &[u8]) -> [u8; 32] {
    // HMAC takes keys of every length (RFC 2104, section 3), so the error of the trait doesn't occur.
    match <Hmac<Sha256> as KeyInit>::new_from_slice(key) {
        Ok(mut hash) => {
            hash.update(message);
            hash.finalize().into_bytes().into()
        }
        Err(_) => unreachable!("HMAC takes keys of every length"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::Protection;
    use crate::configuration::base_url::BaseUrl;
    use crate::configuration::refresh_policy::RefreshPolicy;
    use crate::ports::BucketLocation;
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
        assert_eq!(cache_key.store_key.len(), 64);
        assert!(cache_key.store_key.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(cache_key.store_key, cache_key.digest);
    }

    #[test]
    fn short_lived_entries_have_at_most_256_slots_of_each_kind() {
        let mut store_keys = HashSet::new();
        for number in 0..5_000 {
            let configuration = configuration(&format!("key-{number}"));
            let id = AccountId::parse(&format!("apn_{number}")).unwrap();
            store_keys.insert(CacheKey::of_failure(&configuration, &id).store_key);
            store_keys.insert(CacheKey::of_hold_off(&configuration).store_key);
        }
        assert_eq!(store_keys.len(), 512);
        assert!(store_keys.contains("credwell.failure.a7") && store_keys.contains("credwell.hold-off.00"));
    }

    #[test]
    fn the_keyed_hash_is_the_one_of_rfc_4231() {
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let hash = keyed_hash(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(base16ct::lower::encode_string(&hash), expected);
    }
}
