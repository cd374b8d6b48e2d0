//! Tests with a key-value store that fails, is slow, or holds foreign entries.

use crate::scenario::{Account, assert_token, case, secret};
use host_test::{Error, KeyValueError, Operation, Source, Warning};
use std::time::Duration;

/// An error with a text of the host, which the component must not pass on.
fn failed() -> KeyValueError {
    KeyValueError::Failed(secret("words-of-the-host"))
}

case! {
    async fn a_failing_store_is_a_warning_and_no_error(scenario) {
        for operation in [Operation::Open, Operation::Get, Operation::Set] {
            for failure in [KeyValueError::NoSuchBucket, KeyValueError::AccessDenied, failed()] {
                scenario.harness.key_value.recover();
                scenario.forget().await.unwrap();
                scenario.harness.key_value.fail(operation, failure);
                scenario.reply(Account::oauth("1"));
                let result = scenario.get().await;
                assert_token(&result, "1", Source::Upstream);
                let warnings = result.unwrap().warnings;
                assert!(
                    matches!(warnings.as_slice(), [Warning::CacheDegraded(_)]),
                    "{operation:?}: {warnings:?}"
                );
            }
        }
    }
}

case! {
    async fn a_store_that_recovers_caches_again(scenario) {
        scenario.harness.key_value.fail(Operation::Set, failed());
        for _ in 0..2 {
            scenario.reply(Account::oauth("1"));
            assert_token(&scenario.get().await, "1", Source::Upstream);
        }
        scenario.harness.key_value.recover();
        scenario.reply(Account::oauth("1"));
        assert_token(&scenario.get().await, "1", Source::Upstream);
        let result = scenario.get().await;
        assert_token(&result, "1", Source::Cache);
        assert!(result.unwrap().warnings.is_empty());
    }
}

case! {
    async fn a_cached_token_serves_while_writing_fails(scenario) {
        scenario.reply(Account::oauth("1"));
        scenario.get().await.unwrap();
        scenario.harness.key_value.fail(Operation::Set, failed());
        assert_token(&scenario.get().await, "1", Source::Cache);
    }
}

case! {
    async fn forgetting_fails_if_the_store_fails(scenario) {
        for operation in [Operation::Open, Operation::Set] {
            scenario.harness.key_value.fail(operation, failed());
            let result = scenario.forget().await;
            assert!(matches!(result, Err(Error::StoreFailure(_))), "{result:?}");
            scenario.harness.key_value.recover();
        }
    }
}

case! {
    async fn the_bucket_is_configurable(scenario, builder => builder.config("credwell_bucket", "sessions")) {
        scenario.reply(Account::oauth("1"));
        let warnings = scenario.get().await.unwrap().warnings;
        let [Warning::CacheDegraded(failure)] = &warnings[..] else { panic!("{warnings:?}") };
        assert!(failure.message.contains("credwell_bucket"), "{failure:?}");
        scenario.harness.key_value.add_bucket("sessions");
        scenario.reply(Account::oauth("1"));
        scenario.get().await.unwrap();
        assert_eq!(scenario.harness.key_value.entries()[0].0, "sessions");
    }
}

case! {
    /// wasmtime's own in-memory store has only the bucket whose name is empty.
    async fn the_bucket_with_the_empty_name_can_be_used(
        scenario, builder => builder.config("credwell_bucket", "")
    ) {
        // Spin has no such bucket. There an empty setting means the default.
        if scenario.flavour == host_test::Flavour::Wasmtime {
            scenario.harness.key_value.add_bucket("");
            scenario.harness.key_value.remove_bucket("default");
        }
        scenario.reply(Account::oauth("1"));
        scenario.get().await.unwrap();
        assert_token(&scenario.get().await, "1", Source::Cache);
    }
}

case! {
    async fn a_corrupt_truncated_or_foreign_entry_is_a_miss_and_overwritten(scenario) {
        scenario.reply(Account::oauth("0"));
        scenario.get().await.unwrap();
        let (bucket, key, entry) = scenario.harness.key_value.entries().remove(0);
        let mut corrupt = entry.clone();
        let middle = corrupt.len() / 2;
        corrupt[middle] ^= 1;
        for found in [
            Vec::new(),
            b"foreign".to_vec(),
            vec![0xff; 4096],
            entry[..entry.len() - 1].to_vec(),
            entry[..8].to_vec(),
            [entry.as_slice(), b"more"].concat(),
            corrupt,
        ] {
            scenario.harness.key_value.put(&bucket, &key, found);
            scenario.reply(Account::oauth("1"));
            let result = scenario.get().await;
            assert_token(&result, "1", Source::Upstream);
            assert!(result.unwrap().warnings.is_empty());
            assert_token(&scenario.get().await, "1", Source::Cache);
        }
    }
}

case! {
    /// The deadline applies to the upstream only.
    async fn a_slow_store_is_waited_for(scenario) {
        for operation in [Operation::Open, Operation::Get, Operation::Set] {
            scenario.harness.key_value.delay(operation, Duration::from_secs(40));
        }
        scenario.reply(Account::oauth("1"));
        assert_token(&scenario.get().await, "1", Source::Upstream);
        assert_token(&scenario.get().await, "1", Source::Cache);
    }
}

case! {
    /// A cache hit opens the bucket, reads once, and writes nothing.
    async fn a_hit_reads_once_and_writes_nothing(scenario) {
        scenario.reply(Account::oauth("1"));
        scenario.get().await.unwrap();
        assert_eq!(scenario.writes(), 1);
        let before = scenario.harness.key_value.operations().len();
        scenario.get().await.unwrap();
        assert_eq!(scenario.harness.key_value.operations().len(), before + 2);
        assert_eq!(scenario.writes(), 1);
    }
}

case! {
    /// Spin takes values up to 1 MiB. An account of that size is larger as an encrypted entry: Spin doesn't
    /// cache it, and the caller gets it all the same.
    async fn an_account_that_is_too_large_for_the_store_is_served_all_the_same(scenario) {
        let body =
            |note: &str| serde_json::json!({"data": Account::oauth("1").with("note", note).0}).to_string();
        let note = "x".repeat(1024 * 1024 - body("").len());
        let is_cached = scenario.flavour == host_test::Flavour::Wasmtime;
        for cached in [false, is_cached] {
            if !cached {
                scenario.reply(host_test::Reply::status(200).body(body(&note)));
            }
            let result = scenario.get().await;
            assert_token(&result, "1", if cached { Source::Cache } else { Source::Upstream });
            let is_degraded = matches!(result.unwrap().warnings[..], [Warning::CacheDegraded(_)]);
            assert_eq!(is_degraded, !is_cached);
        }
    }
}
