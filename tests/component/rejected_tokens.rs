//! `refresh-credentials`: a caller's request met an auth error.

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
    /// Of many callers that met the same dead token, one fetches.
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
    async fn without_a_rejected_token_it_always_fetches(scenario) {
        for token in ["1", "2", "3"] {
            scenario.reply(Account::oauth(token));
            assert_token(&scenario.refresh(None).await, token, Source::Upstream);
        }
    }
}

case! {
    /// The rejected token is of no use, so it is not served when fetching fails. The entry stays.
    async fn a_failure_is_not_hidden_by_the_rejected_token(scenario) {
        scenario.configuration().set("credwell_max_retries", "0");
        scenario.reply(Account::oauth("1"));
        scenario.get().await.unwrap();
        scenario.reply(Reply::status(500));
        assert_error(&scenario.refresh(Some(&secret("1"))).await, "upstream-failure");
        scenario.reply(Reply::status(401));
        assert_error(&scenario.refresh(None).await, "unauthorized");
        assert_token(&scenario.get().await, "1", Source::Cache);
    }
}

case! {
    async fn a_token_that_the_upstream_insists_on_backs_off_with_a_warning(scenario) {
        for _ in 0..3 {
            scenario.reply(Account::oauth("1"));
        }
        scenario.get().await.unwrap();
        for (wait, source) in [(0, Source::Upstream), (4, Source::Cache), (1, Source::Upstream), (9, Source::Cache)] {
            scenario.pass(wait);
            let answer = scenario.refresh(Some(&secret("1"))).await;
            assert_token(&answer, "1", source);
            let warnings = answer.unwrap().warnings;
            assert!(matches!(warnings.as_slice(), [Warning::TokenUnchanged(_)]), "{warnings:?}");
        }
        scenario.reply(Account::oauth("2"));
        scenario.pass(1);
        let answer = scenario.refresh(Some(&secret("1"))).await;
        assert_token(&answer, "2", Source::Upstream);
        assert!(answer.unwrap().warnings.is_empty());
    }
}

case! {
    /// The cache was empty, and the upstream gives what the caller rejected.
    async fn that_holds_for_an_empty_cache_too(scenario) {
        scenario.reply(Account::oauth("1"));
        for source in [Source::Upstream, Source::Cache] {
            let answer = scenario.refresh(Some(&secret("1"))).await;
            assert_token(&answer, "1", source);
            assert!(matches!(answer.unwrap().warnings[..], [Warning::TokenUnchanged(_)]));
        }
    }
}

case! {
    /// An account without access token: the rejected secret is one of its text fields.
    async fn a_rejected_key_is_replaced(scenario) {
        let keys = |key: &str| {
            Account::oauth("unused").with("credentials", json!({"api_key": secret(key), "host": "db"})).without("expires_at")
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
    /// Thousands of callers of an account that is gone ask the upstream once, unless one insists.
    async fn a_cached_no_is_the_answer_unless_the_caller_insists(scenario) {
        scenario.reply(Reply::status(404));
        assert_error(&scenario.get().await, "not-found");
        assert_error(&scenario.refresh(Some(&secret("0"))).await, "not-found");
        assert_eq!(scenario.requests(), 1);
        scenario.reply(Account::oauth("1"));
        assert_token(&scenario.refresh(None).await, "1", Source::Upstream);
    }
}

case! {
    /// What the upstream says when it is asked anew takes the place of the rejected token.
    async fn a_no_takes_the_place_of_a_rejected_token(scenario) {
        scenario.reply(Account::oauth("1"));
        scenario.get().await.unwrap();
        scenario.reply(Reply::status(404));
        assert_error(&scenario.refresh(Some(&secret("1"))).await, "not-found");
        assert_error(&scenario.get().await, "not-found");
        assert_eq!(scenario.requests(), 2);
    }
}

case! {
    /// The upstream was late with its own refresh, so the cache waits before it asks again. A caller that then
    /// meets an auth error doesn't wait: nobody has asked since.
    async fn a_rejection_is_not_put_off_by_a_refresh_that_brought_nothing(scenario) {
        let lagging = Account::oauth("1").with("next_refresh_at", crate::scenario::at(780)).reply();
        scenario.reply(lagging.clone());
        scenario.reply(lagging);
        scenario.get().await.unwrap();
        scenario.pass(780);
        assert_token(&scenario.get().await, "1", Source::Upstream);
        assert_token(&scenario.get().await, "1", Source::Cache);
        scenario.reply(Account::oauth("2"));
        assert_token(&scenario.refresh(Some(&secret("1"))).await, "2", Source::Upstream);
    }
}

case! {
    async fn an_expired_entry_is_not_the_answer(scenario) {
        scenario.reply(Account::oauth("1").expiring(600));
        scenario.reply(Account::oauth("2").expiring(7200));
        scenario.get().await.unwrap();
        scenario.pass(601);
        assert_token(&scenario.refresh(Some(&secret("0"))).await, "2", Source::Upstream);
    }
}

case! {
    async fn a_malformed_id_is_refused(scenario) {
        let answer = scenario.noted(scenario.harness.refresh("nothing", Some(&secret("1"))).await);
        assert_error(&answer, "invalid-account-id");
        assert!(scenario.harness.forget("nothing").await.is_err());
        assert!(scenario.harness.forget(ACCOUNT).await.is_ok());
        assert_eq!(scenario.requests(), 0);
    }
}
