//! Tests of the configuration through `wasi:config`. The unit tests of the core cover the values of each
//! setting.

use crate::scenario::{Account, Scenario, assert_token, case, secret};
use host_test::{ConfigurationError, Credentials, Error, Source};

#[track_caller]
fn assert_names(result: &Result<Credentials, Error>, name: &str) {
    match result {
        Err(Error::Configuration(message)) => assert!(message.contains(name), "{name}: {message}"),
        other => panic!("{name}: expected a configuration error, got {}", other.is_ok()),
    }
}

async fn assert_refused(scenario: &Scenario, name: &str, value: &str) {
    scenario.configuration().set(name, value);
    assert_names(&scenario.get().await, name);
    scenario.configuration().remove(name);
}

case! {
    async fn a_bad_setting_is_named_at_the_first_call_and_nothing_is_sent(scenario) {
        for (name, value) in [
            ("credwell_refresh_window_seconds", "soon"),
            ("credwell_max_retries", "-1"),
            ("credwell_deadline_ms", "0"),
            ("credwell_base_url", "http://api.pipedream.com"),
            ("credwell_base_url", "api.pipedream.com"),
            ("credwell_request_form", "D"),
            ("credwell_allow_plaintext_cache", "perhaps"),
            ("credwell_project_id", "proj_a"),
            ("credwell_no_such_setting", "1"),
        ] {
            assert_refused(&scenario, name, value).await;
        }
        let missing = scenario.second_host(|builder| builder.without_config("credwell_api_key"));
        assert_names(&missing.get().await, "credwell_api_key");
        assert_names(&missing.refresh(None).await, "credwell_api_key");
        assert!(missing.forget().await.is_err());
        assert_refused(&scenario, "credwell_api_key", "with space").await;
        assert_eq!(scenario.requests(), 0);
        assert!(scenario.harness.key_value.operations().is_empty());
    }
}

case! {
    async fn no_encryption_key_means_no_caching_unless_plaintext_is_allowed(scenario, builder => builder
        .without_config("credwell_encryption_keys")
    ) {
        assert_names(&scenario.get().await, "credwell_encryption_keys");
        assert_names(&scenario.get().await, "credwell_allow_plaintext_cache");
        assert_eq!(scenario.requests(), 0);
    }
}

case! {
    async fn an_unencrypted_upstream_has_to_be_allowed(scenario, builder => builder
        .config("credwell_base_url", "http://gateway.example")
    ) {
        assert_names(&scenario.get().await, "credwell_allow_insecure_base_url");
        scenario.configuration().set("credwell_allow_insecure_base_url", "true");
        scenario.reply(Account::oauth("1"));
        assert_token(&scenario.get().await, "1", Source::Upstream);
    }
}

case! {
    async fn settings_of_other_components_are_ignored(scenario) {
        scenario.configuration().set("api_key", secret("of-another"));
        scenario.configuration().set("log_level", "debug");
        scenario.reply(Account::oauth("1"));
        assert_token(&scenario.get().await, "1", Source::Upstream);
    }
}

case! {
    async fn a_failing_configuration_of_the_host_is_an_error(scenario) {
        let text = || secret("text-of-the-host");
        for failure in [ConfigurationError::Upstream(text()), ConfigurationError::Io(text())] {
            scenario.configuration().fail(failure);
            assert_names(&scenario.get().await, "wasi:config");
        }
        scenario.configuration().recover();
        scenario.reply(Account::oauth("1"));
        scenario.get().await.unwrap();
    }
}

case! {
    /// Each call reads the configuration, because a host may change settings while it runs.
    async fn a_changed_setting_takes_effect_at_the_next_call(scenario) {
        scenario.reply(Account::oauth("1"));
        scenario.get().await.unwrap();
        scenario.configuration().set("credwell_api_key", secret("rotated"));
        scenario.reply(Account::oauth("2"));
        assert_token(&scenario.get().await, "2", Source::Upstream);
        let sent = scenario.harness.upstream.last_request().unwrap();
        assert_eq!(sent.header("authorization"), Some(format!("Bearer {}", secret("rotated")).as_str()));
    }
}
