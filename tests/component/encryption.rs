//! Tests of the encryption of the store's entries.

use crate::scenario::{Account, Scenario, assert_token, case};
use host_test::{Source, TEST_ENCRYPTION_KEYS};

const NEW_KEY: &str = "k2:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

async fn store_one(scenario: &Scenario) -> (String, String, Vec<u8>) {
    scenario.reply(Account::oauth("1"));
    scenario.get().await.unwrap();
    scenario.harness.key_value.entries().remove(0)
}

case! {
    /// The new key comes first in the setting. The component reads entries under the old key, and writes
    /// entries under the new key.
    async fn keys_are_rotated_without_loss(scenario) {
        let (_, _, entry) = store_one(&scenario).await;
        assert_eq!(&entry[..7], b"CW\x01e\x02k1");
        let rotated = format!("{NEW_KEY},{TEST_ENCRYPTION_KEYS}");
        let rotated = scenario.second_host(|builder| builder.config("credwell_encryption_keys", rotated));
        assert_token(&rotated.get().await, "1", Source::Cache);
        scenario.reply(Account::oauth("2"));
        assert_token(&rotated.force().await, "2", Source::Upstream);
        let (_, _, entry) = scenario.harness.key_value.entries().remove(0);
        assert_eq!(&entry[..7], b"CW\x01e\x02k2");
        // An entry under a key that is no longer configured is a miss.
        let retired = scenario.second_host(|builder| builder.config("credwell_encryption_keys", NEW_KEY));
        assert_token(&retired.get().await, "2", Source::Cache);
        scenario.reply(Account::oauth("3"));
        assert_token(&scenario.get().await, "3", Source::Upstream);
    }
}

case! {
    async fn an_entry_that_was_copied_under_another_key_is_refused(scenario) {
        scenario.harness.upstream.respond_with(|request| {
            let id = request.uri.path().split('/').nth(3).unwrap().to_owned();
            Account::oauth(&id).with("id", id.as_str()).reply()
        });
        scenario.get_account("apn_a").await.unwrap();
        let (bucket, key_of_a, entry_of_a) = scenario.harness.key_value.entries().remove(0);
        scenario.get_account("apn_b").await.unwrap();
        let entries = scenario.harness.key_value.entries();
        let (_, key_of_b, _) = entries.into_iter().find(|(_, key, _)| *key != key_of_a).unwrap();
        scenario.harness.key_value.put(bucket, key_of_b, entry_of_a);
        assert_token(&scenario.get_account("apn_b").await, "apn_b", Source::Upstream);
    }
}

case! {
    /// The cache key and the AAD both include the tenant and the base URL.
    async fn an_entry_of_another_tenant_is_refused(scenario) {
        let (bucket, key, entry) = store_one(&scenario).await;
        for change in [("credwell_tenant", "other"), ("credwell_base_url", "https://other.example")] {
            let other = scenario.second_host(|builder| builder.config(change.0, change.1));
            scenario.reply(Account::oauth("2"));
            other.get().await.unwrap();
            let entries = scenario.harness.key_value.entries();
            let (_, other_key, _) = entries.into_iter().find(|(_, other, _)| *other != key).unwrap();
            scenario.harness.key_value.put(&bucket, &other_key, entry.clone());
            scenario.reply(Account::oauth("3"));
            assert_token(&other.get().await, "3", Source::Upstream);
            scenario.harness.key_value.remove(&bucket, &other_key);
        }
    }
}

case! {
    /// An attacker who can write to the store can't insert an unencrypted entry.
    async fn a_plaintext_entry_is_refused_where_a_key_is_configured(scenario) {
        let unencrypted = |builder: host_test::HarnessBuilder| {
            builder
                .without_config("credwell_encryption_keys")
                .config("credwell_allow_plaintext_cache", "true")
        };
        let plaintext = scenario.second_host(unencrypted);
        scenario.reply(Account::oauth("1"));
        plaintext.get().await.unwrap();
        assert_token(&plaintext.get().await, "1", Source::Cache);
        let (_, _, stored) = scenario.harness.key_value.entries().remove(0);
        assert_eq!(&stored[..4], b"CW\x01p");

        scenario.reply(Account::oauth("2"));
        assert_token(&scenario.get().await, "2", Source::Upstream);
        // A host that caches plaintext refuses an encrypted entry.
        scenario.reply(Account::oauth("3"));
        assert_token(&plaintext.get().await, "3", Source::Upstream);
        plaintext.forget().await.unwrap();
    }
}

case! {
    async fn the_same_credentials_are_never_stored_as_the_same_bytes(scenario) {
        let mut seen = std::collections::HashSet::new();
        for _ in 0..20 {
            let (_, _, entry) = store_one(&scenario).await;
            assert!(seen.insert(entry));
            scenario.forget().await.unwrap();
        }
    }
}

case! {
    async fn a_store_key_is_a_hash_and_the_same_on_every_host(scenario) {
        let (_, key, _) = store_one(&scenario).await;
        assert_eq!(key.len(), 64);
        assert!(key.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let other = scenario.second_host(|builder| builder);
        assert_token(&other.get().await, "1", Source::Cache);
    }
}
