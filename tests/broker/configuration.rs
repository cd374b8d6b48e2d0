//! Tests of the broker's settings.

use crate::scenario::{BROKER_TOKEN, CALLERS_KEY, Scenario, case};

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
