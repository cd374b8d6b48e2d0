//! A key-value store that fails, is slow, or holds what nobody of us has written.

use crate::scenario::{Account, assert_token, case, secret};
use host_test::{Error, KeyValueError, Operation, Source, Warning};
use std::time::Duration;

/// What the host says in its own words stays with the host.
fn other() -> KeyValueError {
    KeyValueError::Failed(secret("words-of-the-host"))
}

case! {
    async fn a_failing_store_does_not_stop_the_job_and_the_answer_says_so(scenario) {
        for operation in [Operation::Open, Operation::Get, Operation::Set] {
            for failure in [KeyValueError::NoSuchBucket, KeyValueError::AccessDenied, other()] {
                scenario.harness.key_value.recover();
                scenario.forget().await.unwrap();
                scenario.harness.key_value.fail(operation, failure);
                scenario.reply(Account::oauth("1"));
                let answer = scenario.get().await;
                assert_token(&answer, "1", Source::Upstream);
                let warnings = answer.unwrap().warnings;
                assert!(matches!(warnings.as_slice(), [Warning::CacheDegraded(_)]), "{operation:?}: {warnings:?}");
            }
        }
    }
}

case! {
    async fn a_store_that_recovers_caches_again(scenario) {
        scenario.harness.key_value.fail(Operation::Set, other());
        for _ in 0..2 {
            scenario.reply(Account::oauth("1"));
            assert_token(&scenario.get().await, "1", Source::Upstream);
        }
        scenario.harness.key_value.recover();
        scenario.reply(Account::oauth("1"));
        assert_token(&scenario.get().await, "1", Source::Upstream);
        let answer = scenario.get().await;
        assert_token(&answer, "1", Source::Cache);
        assert!(answer.unwrap().warnings.is_empty());
    }
}

case! {
    async fn a_cached_token_serves_while_writing_fails(scenario) {
        scenario.reply(Account::oauth("1"));
        scenario.get().await.unwrap();
        scenario.harness.key_value.fail(Operation::Set, other());
        assert_token(&scenario.get().await, "1", Source::Cache);
    }
}

case! {
    async fn forgetting_tells_when_it_could_not(scenario) {
        for operation in [Operation::Open, Operation::Delete] {
            scenario.harness.key_value.fail(operation, other());
            let answer = scenario.forget().await;
            assert!(matches!(answer, Err(Error::StoreFailure(_))), "{answer:?}");
            scenario.harness.key_value.recover();
        }
    }
}

case! {
    async fn the_bucket_is_configurable(scenario, builder => builder.config("credwell_bucket", "sessions")) {
        scenario.reply(Account::oauth("1"));
        let warnings = scenario.get().await.unwrap().warnings;
        assert!(matches!(warnings.as_slice(), [Warning::CacheDegraded(text)] if text.contains("credwell_bucket")));
        scenario.harness.key_value.add_bucket("sessions");
        scenario.reply(Account::oauth("1"));
        scenario.get().await.unwrap();
        assert_eq!(scenario.harness.key_value.entries()[0].0, "sessions");
    }
}

case! {
    /// wasmtime's own in-memory store knows the bucket without a name only.
    async fn the_bucket_without_a_name_can_be_asked_for(scenario, builder => builder.config("credwell_bucket", "")) {
        // Spin has none: there it is an absent setting.
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
            let answer = scenario.get().await;
            assert_token(&answer, "1", Source::Upstream);
            assert!(answer.unwrap().warnings.is_empty());
            assert_token(&scenario.get().await, "1", Source::Cache);
        }
    }
}

case! {
    /// However slow it is: the deadline is for the upstream.
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
    /// What a cache hit costs: opening the bucket, one read, no write.
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
    /// Spin takes values up to 1 MiB. An account that has as much, sealed and with its header, is served and not
    /// cached there.
    async fn an_entry_that_is_too_large_for_the_store_is_served_all_the_same(scenario) {
        let body = |note: &str| serde_json::json!({"data": Account::oauth("1").with("note", note).0}).to_string();
        let note = "x".repeat(1024 * 1024 - body("").len());
        let is_cached = scenario.flavour == host_test::Flavour::Wasmtime;
        for cached in [false, is_cached] {
            if !cached {
                scenario.reply(host_test::Reply::status(200).body(body(&note)));
            }
            let answer = scenario.get().await;
            assert_token(&answer, "1", if cached { Source::Cache } else { Source::Upstream });
            let is_degraded = matches!(answer.unwrap().warnings[..], [Warning::CacheDegraded(_)]);
            assert_eq!(is_degraded, !is_cached);
        }
    }
}
