//! Tests of what belongs to credentials and to their warnings.

use crate::scenario::{Account, assert_token, case};
use host_test::{CacheFailure, Error, KeyValueError, Operation, Reply, Source, UpstreamStatus, Warning};
use serde_json::json;

case! {
    /// The text is the upstream's, with its white space and its repeated names.
    async fn the_whole_account_is_there_as_the_upstreams_text(scenario) {
        let text = Account::oauth("1").0.to_string();
        let text = text.replacen('{', r#"{ "n": 1.50, "n":1e2,"#, 1);
        for body in [text.clone(), format!(r#"{{"data":{text}}}"#)] {
            scenario.reply(Reply::status(200).body(body));
            for source in [Source::Upstream, Source::Cache] {
                let result = scenario.get().await;
                assert_token(&result, "1", source);
                assert_eq!(result.unwrap().account_json, text);
            }
            scenario.forget().await.unwrap();
        }
    }
}

case! {
    /// A guest that keeps the credentials calls again before they expire.
    async fn kept_credentials_are_fresh_until_their_expiry_at_most(scenario) {
        scenario.reply(Account::oauth("1").expiring(3600));
        for source in [Source::Upstream, Source::Cache] {
            let result = scenario.get().await;
            assert_token(&result, "1", source);
            let credentials = result.unwrap();
            assert!(credentials.fresh_until.is_some() && credentials.fresh_until <= credentials.expires_at);
            assert!(credentials.fresh_until > Some(credentials.fetched_at));
        }
    }
}

case! {
    async fn a_failed_refresh_has_its_error_and_later_calls_have_the_wait(
        scenario, builder => builder.config("credwell_max_retries", "0")
    ) {
        scenario.reply(Account::oauth("1").expiring(3600));
        scenario.get().await.unwrap();
        scenario.advance(3550);
        scenario.reply(Reply::status(503).header("retry-after", "7"));
        let warnings = scenario.get().await.unwrap().warnings;
        let [Warning::RefreshFailed(Error::UpstreamFailure(failure))] = &warnings[..] else {
            panic!("{warnings:?}")
        };
        let UpstreamStatus { status, retry_after, message } = failure;
        assert_eq!((*status, *retry_after), (503, Some(7)));
        assert!(message.contains("503"), "{message}");
        assert!(warnings[0].message().ends_with(message));
        for (wait, seconds) in [(0, 7), (5, 2)] {
            scenario.advance(wait);
            assert_eq!(scenario.get().await.unwrap().warnings, [Warning::RefreshDeferred(seconds)]);
        }
    }
}

case! {
    async fn a_failure_of_the_cache_has_its_operation(scenario) {
        for (operation, name) in [
            (Operation::Open, "opening the bucket"),
            (Operation::Get, "reading an entry"),
            (Operation::Set, "writing an entry"),
        ] {
            scenario.harness.key_value.fail(operation, KeyValueError::AccessDenied);
            scenario.reply(Account::oauth("1"));
            let warnings = scenario.get().await.unwrap().warnings;
            let message = "the host denies access to the bucket in credwell_bucket".to_owned();
            let failure = CacheFailure { operation: name.to_owned(), message };
            assert_eq!(warnings, [Warning::CacheDegraded(failure)]);
            scenario.harness.key_value.recover();
            scenario.forget().await.unwrap();
        }
    }
}

case! {
    async fn each_warning_has_a_text(scenario) {
        scenario.reply(Account::oauth("1").expiring(-10).with("next_refresh_at", json!(5)));
        let warnings = scenario.get().await.unwrap().warnings;
        let texts: Vec<_> = warnings.iter().map(Warning::message).collect();
        assert!(texts[0].contains("next_refresh_at") && texts[1].contains("clock"), "{texts:?}");
        assert!(Warning::TokenUnchanged(7).message().contains("7 s"));
        assert!(Warning::RefreshDeferred(7).message().contains("7 s"));
    }
}
