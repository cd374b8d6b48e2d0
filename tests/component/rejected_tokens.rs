//! Tests of `refresh-credentials`, the call after an app has rejected the access token.

use crate::scenario::{ACCOUNT, Account, assert_error, assert_token, case, secret};
use host_test::{Reply, Source, Warning};
use serde_json::json;

case! {
    async fn a_rejected_token_is_replaced(scenario) {
        scenario.reply(Account::oauth("1"));
        scenario.reply(Account::oauth("2"));
        scenario.get().await.unwrap();
        assert_token(&scenario.refresh(Some(&secret("1"))).await, "2", Source::Upstream);
        assert_token(&scenario.get().await, "2", Source::Cache);
    }
}

case! {
    /// Of many callers with the same rejected token, one fetches.
    async fn later_callers_get_what_the_first_one_fetched(scenario) {
        scenario.reply(Account::oauth("1"));
        scenario.reply(Account::oauth("2"));
        scenario.get().await.unwrap();
        scenario.refresh(Some(&secret("1"))).await.unwrap();
        for _ in 0..20 {
            assert_token(&scenario.refresh(Some(&secret("1"))).await, "2", Source::Cache);
        }
        assert_eq!(scenario.requests(), 2);
    }
}

case! {
    async fn a_call_without_a_rejected_token_always_fetches(scenario) {
        for token in ["1", "2", "3"] {
            scenario.reply(Account::oauth(token));
            assert_token(&scenario.force().await, token, Source::Upstream);
        }
    }
}

case! {
    /// If the fetch fails, the rejected token is not the result. The entry stays in the cache.
    async fn a_failure_is_not_hidden_by_the_rejected_token(scenario) {
        scenario.configuration().set("credwell_max_retries", "0");
        scenario.reply(Account::oauth("1"));
        scenario.get().await.unwrap();
        scenario.reply(Reply::status(500));
        assert_error(&scenario.refresh(Some(&secret("1"))).await, "upstream-failure");
        scenario.reply(Reply::status(401));
        assert_error(&scenario.force().await, "unauthorized");
        assert_token(&scenario.get().await, "1", Source::Cache);
    }
}

case! {
    async fn a_token_that_the_upstream_insists_on_backs_off_with_a_warning(scenario) {
        for _ in 0..3 {
            scenario.reply(Account::oauth("1"));
        }
        scenario.get().await.unwrap();
        for (wait, source, seconds) in [
            (0, Source::Upstream, 5),
            (4, Source::Cache, 1),
            (1, Source::Upstream, 10),
            (9, Source::Cache, 1),
        ] {
            scenario.advance(wait);
            let result = scenario.refresh(Some(&secret("1"))).await;
            assert_token(&result, "1", source);
            let warnings = result.unwrap().warnings;
            assert_eq!(warnings, [Warning::TokenUnchanged(seconds)]);
        }
        scenario.reply(Account::oauth("2"));
        scenario.advance(1);
        let result = scenario.refresh(Some(&secret("1"))).await;
        assert_token(&result, "2", Source::Upstream);
        assert!(result.unwrap().warnings.is_empty());
    }
}

case! {
    /// The cache is empty, and the upstream returns the token that the caller rejected.
    async fn a_token_that_the_upstream_insists_on_backs_off_with_an_empty_cache_too(scenario) {
        scenario.reply(Account::oauth("1"));
        for source in [Source::Upstream, Source::Cache] {
            let result = scenario.refresh(Some(&secret("1"))).await;
            assert_token(&result, "1", source);
            assert!(matches!(result.unwrap().warnings[..], [Warning::TokenUnchanged(_)]));
        }
    }
}

case! {
    /// For an account without access token the rejected secret is one of the text fields.
    async fn a_rejected_key_is_replaced(scenario) {
        let keys = |key: &str| {
            Account::oauth("unused")
                .with("credentials", json!({"api_key": secret(key), "host": "db"}))
                .without("expires_at")
        };
        scenario.reply(keys("one"));
        scenario.reply(keys("two"));
        scenario.get().await.unwrap();
        assert_eq!(scenario.refresh(Some(&secret("one"))).await.unwrap().source, Source::Upstream);
        assert_eq!(scenario.refresh(Some(&secret("one"))).await.unwrap().source, Source::Cache);
        assert_eq!(scenario.requests(), 2);
    }
}

case! {
    /// The rejected secret can be a value within a field.
    async fn a_rejected_key_within_a_field_is_replaced(scenario) {
        let keys = |key: &str| {
            Account::oauth("unused")
                .with("credentials", json!({"keys": [{"id": 77, "value": secret(key)}]}))
                .without("expires_at")
        };
        for rejected in [secret("one"), "77".to_owned()] {
            scenario.reply(keys("one"));
            scenario.reply(keys("two"));
            scenario.get().await.unwrap();
            assert_eq!(scenario.refresh(Some(&rejected)).await.unwrap().source, Source::Upstream);
            scenario.forget().await.unwrap();
        }
    }
}

case! {
    /// Where there is an access token, no other field authorizes a request. The caller that rejects another
    /// field has older credentials.
    async fn the_access_token_alone_counts_where_there_is_one(scenario) {
        scenario.reply(Account::oauth("1"));
        scenario.get().await.unwrap();
        for rejected in [secret("refresh"), "U123".to_owned(), "client".to_owned()] {
            assert_token(&scenario.refresh(Some(&rejected)).await, "1", Source::Cache);
        }
        assert_eq!(scenario.requests(), 1);
    }
}

case! {
    /// A call without a rejected token bypasses the negative cache. Other calls get the cached error.
    async fn a_cached_error_is_the_result_unless_the_caller_forces_a_fetch(scenario) {
        scenario.reply(Reply::status(404));
        assert_error(&scenario.get().await, "not-found");
        assert_error(&scenario.refresh(Some(&secret("0"))).await, "not-found");
        assert_eq!(scenario.requests(), 1);
        scenario.reply(Account::oauth("1"));
        assert_token(&scenario.force().await, "1", Source::Upstream);
    }
}

case! {
    /// The upstream's error replaces the rejected token in the cache.
    async fn an_error_of_the_account_replaces_a_rejected_token(scenario) {
        scenario.reply(Account::oauth("1"));
        scenario.get().await.unwrap();
        scenario.reply(Reply::status(404));
        assert_error(&scenario.refresh(Some(&secret("1"))).await, "not-found");
        assert_error(&scenario.get().await, "not-found");
        assert_eq!(scenario.requests(), 2);
    }
}

case! {
    /// The upstream's own refresh is late, so the component backs off after an unchanged token. The backoff
    /// doesn't apply to the first call that rejects the token.
    async fn a_rejection_is_not_delayed_by_a_refresh_with_an_unchanged_token(scenario) {
        let lagging = Account::oauth("1").with("next_refresh_at", crate::scenario::at(780)).reply();
        scenario.reply(lagging.clone());
        scenario.reply(lagging);
        scenario.get().await.unwrap();
        scenario.advance(780);
        assert_token(&scenario.get().await, "1", Source::Upstream);
        assert_token(&scenario.get().await, "1", Source::Cache);
        scenario.reply(Account::oauth("2"));
        assert_token(&scenario.refresh(Some(&secret("1"))).await, "2", Source::Upstream);
    }
}

case! {
    async fn an_expired_entry_is_not_the_result(scenario) {
        scenario.reply(Account::oauth("1").expiring(600));
        scenario.reply(Account::oauth("2").expiring(7200));
        scenario.get().await.unwrap();
        scenario.advance(601);
        assert_token(&scenario.refresh(Some(&secret("0"))).await, "2", Source::Upstream);
    }
}

case! {
    async fn a_malformed_id_is_refused(scenario) {
        let result = scenario.recorded(scenario.harness.refresh("nothing", Some(&secret("1"))).await);
        assert_error(&result, "invalid-account-id");
        assert!(scenario.harness.forget("nothing").await.is_err());
        assert!(scenario.harness.forget(ACCOUNT).await.is_ok());
        assert_eq!(scenario.requests(), 0);
    }
}
