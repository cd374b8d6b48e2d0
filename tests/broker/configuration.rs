//! Tests of the broker's settings.

use crate::scenario::{BROKER_TOKEN, CALLERS_KEY, Scenario, account, case};

/// Checks that a request fails with a configuration problem that names this setting.
async fn assert_names(scenario: &Scenario, name: &str) {
    let problem = scenario.get(CALLERS_KEY).await;
    assert_eq!(problem.status, 500, "{name}");
    let document = problem.json();
    assert_eq!(document["type"], "urn:credwell:problem:configuration");
    assert!(document["detail"].as_str().unwrap().contains(name), "{name}: {document}");
    assert_eq!(scenario.upstream.count(), 0);
}

case! {
    async fn a_bad_setting_is_named(scenario, pass_through) {
        for (name, value) in [
            ("credwell_broker_mode", "open"),
            ("credwell_broker_mode", ""),
            ("credwell_broker_tokens", BROKER_TOKEN),
            ("credwell_broker_accounts", "*"),
            ("credwell_broker_recheck_seconds", "soon"),
            ("credwell_broker_metrics_token", "short"),
            ("credwell_broker_store", "disk"),
            ("credwell_request_form", "connect"),
            ("credwell_refresh_window_seconds", "soon"),
            ("credwell_no_such_setting", "1"),
            // In pass-through mode each caller sends its own key.
            ("credwell_api_key", "pd_key"),
        ] {
            scenario.configuration.set(name, value);
            let named = if name == "credwell_request_form" { "credwell_project_id" } else { name };
            assert_names(&scenario, named).await;
            scenario.configuration.remove(name);
            scenario.configuration.set("credwell_broker_mode", "pass-through");
        }
        scenario.configuration.remove("credwell_broker_mode");
        assert_names(&scenario, "credwell_broker_mode").await;
    }
}

case! {
    async fn a_managed_broker_needs_tokens_and_accounts(scenario, managed) {
        let tokens = format!("{BROKER_TOKEN},short");
        for (name, value) in [
            ("credwell_broker_tokens", ""),
            ("credwell_broker_tokens", tokens.as_str()),
            ("credwell_broker_accounts", ""),
            ("credwell_broker_accounts", "apn_a,b"),
            ("credwell_broker_recheck_seconds", "5"),
        ] {
            scenario.configuration.set(name, value);
            assert_names(&scenario, name).await;
            scenario.configuration.remove(name);
            scenario.configuration.set("credwell_broker_tokens", BROKER_TOKEN);
            if name != "credwell_broker_recheck_seconds" {
                scenario.configuration.set("credwell_broker_accounts", "apn_EOhwvQr");
            }
        }
        scenario.configuration.remove("credwell_api_key");
        // The broker authenticates the caller before it reports the missing setting.
        let problem = scenario.get(BROKER_TOKEN).await;
        assert_eq!(problem.status, 500);
        assert!(problem.json()["detail"].as_str().unwrap().contains("credwell_api_key"));
        assert_eq!(scenario.get(CALLERS_KEY).await.status, 401);
    }
}

case! {
    /// An instance keeps its configuration while the host's settings stay the same.
    async fn a_changed_setting_takes_effect_at_the_next_request_of_an_instance(scenario, managed) {
        const NEW_TOKEN: &str = "fedcba9876543210fedcba9876543210";
        let mut instance = scenario.reused().await;
        scenario.upstream.always(account("one"));
        for _ in 0..2 {
            assert_eq!(scenario.get_from(&mut instance, "apn_EOhwvQr", BROKER_TOKEN).await.status, 200);
        }
        assert_eq!(scenario.upstream.count(), 1);

        scenario.configuration.set("credwell_broker_tokens", NEW_TOKEN);
        assert_eq!(scenario.get_from(&mut instance, "apn_EOhwvQr", BROKER_TOKEN).await.status, 401);
        assert_eq!(scenario.get_from(&mut instance, "apn_EOhwvQr", NEW_TOKEN).await.status, 200);
        assert_eq!(scenario.upstream.count(), 1);

        // The entries of the old key are not those of the new one.
        scenario.configuration.set("credwell_api_key", "pd_rotated");
        assert_eq!(scenario.get_from(&mut instance, "apn_EOhwvQr", NEW_TOKEN).await.status, 200);
        let sent = scenario.upstream.last_request().expect("the upstream was asked");
        assert_eq!((sent.header("authorization"), scenario.upstream.count()), (Some("Bearer pd_rotated"), 2));

        scenario.configuration.set("credwell_broker_accounts", "apn_other");
        assert_eq!(scenario.get_from(&mut instance, "apn_EOhwvQr", NEW_TOKEN).await.status, 403);
    }
}
