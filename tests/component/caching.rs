//! Tests of the cache: what it holds, for how long, and what the caller gets from it.

use crate::scenario::{ACCOUNT, Account, SECRET, assert_error, assert_token, at, case, field, secret};
use host_test::{Reply, START_UNIX_MS, Source};
use serde_json::json;

case! {
    async fn two_calls_make_one_request(scenario) {
        scenario.reply(Account::oauth("1"));
        assert_token(&scenario.get().await, "1", Source::Upstream);
        assert_token(&scenario.get().await, "1", Source::Cache);
        assert_eq!(scenario.requests(), 1);
    }
}

case! {
    /// The caller gets the same fields from the upstream and from the cache.
    async fn every_field_is_passed_on_without_loss(scenario) {
        let mut account = Account::oauth("1").with("note", json!({"a": [1, null]})).with("number", 0);
        account.0["credentials"]["custom"] = json!({"nested": {"deep": [true, "text", {}]}});
        account.0["credentials"]["port"] = json!(5432);
        account.0["credentials"]["nothing"] = json!(null);
        account.0["credentials"]["unicode"] = json!("\u{1F511} \"quoted\" \n");
        // A number that neither a 64-bit integer nor a double holds exactly.
        let body = json!({"data": account.0})
            .to_string()
            .replace(r#""number":0"#, r#""number":123456789012345678901234567890.12345"#);
        scenario.reply(Reply::status(200).body(body));

        for source in [Source::Upstream, Source::Cache] {
            let credentials = scenario.get().await.unwrap();
            assert_eq!(credentials.source, source);
            assert_eq!(credentials.account_id, ACCOUNT);
            assert_eq!(credentials.app_slug.as_deref(), Some("slack"));
            assert_eq!(credentials.account_name.as_deref(), Some("Work"));
            assert_eq!(credentials.access_token, Some(secret("1")));
            assert_eq!(credentials.expires_at, Some(START_UNIX_MS as i64 + 3_600_000));
            assert_eq!(credentials.fetched_at, START_UNIX_MS as i64);
            assert!(credentials.warnings.is_empty());
            let sent = account.0["credentials"].as_object().unwrap();
            assert_eq!(credentials.fields.len(), sent.len());
            for (name, value) in sent {
                assert_eq!(field(&credentials.fields, name).as_ref(), Some(value), "{name}");
            }
            assert_eq!(field(&credentials.account_fields, "note"), Some(json!({"a": [1, null]})));
            assert!(field(&credentials.account_fields, "credentials").is_none());
            let number = credentials.account_fields.iter().find(|field| field.name == "number").unwrap();
            assert_eq!(
                number.value,
                host_test::FieldValue::Json("123456789012345678901234567890.12345".to_owned())
            );
        }
    }
}

case! {
    async fn a_key_based_account_has_fields_and_no_access_token(scenario) {
        let account = Account::oauth("unused")
            .with("credentials", json!({"api_key": secret("key"), "host": {"name": "db", "port": 1}}))
            .with("expires_at", json!(null));
        scenario.reply(account);
        for _ in 0..2 {
            let credentials = scenario.get().await.unwrap();
            assert_eq!(credentials.access_token, None);
            assert_eq!(credentials.expires_at, None);
            assert_eq!(field(&credentials.fields, "api_key"), Some(json!(format!("{SECRET}key"))));
            assert_eq!(field(&credentials.fields, "host"), Some(json!({"name": "db", "port": 1})));
        }
        assert_eq!(scenario.requests(), 1);
    }
}

case! {
    async fn without_an_expiry_credentials_do_not_expire(scenario) {
        scenario.reply(Account::oauth("1").without("expires_at"));
        scenario.get().await.unwrap();
        scenario.advance(50 * 365 * 24 * 3600);
        assert_token(&scenario.get().await, "1", Source::Cache);
    }
}

case! {
    async fn the_age_of_credentials_without_an_expiry_can_be_limited(scenario, builder => builder
        .config("credwell_max_age_without_expiry_seconds", "3600")
    ) {
        scenario.reply(Account::oauth("1").without("expires_at"));
        scenario.reply(Account::oauth("2").without("expires_at"));
        scenario.get().await.unwrap();
        scenario.advance(3600 - 91);
        assert_token(&scenario.get().await, "1", Source::Cache);
        scenario.advance(91);
        assert_token(&scenario.get().await, "2", Source::Upstream);
    }
}

case! {
    /// The expiry can be beside or inside the credentials, have an offset, and have fractions of a second.
    async fn every_form_of_an_expiry_is_understood(scenario) {
        for expiry in [
            json!("2026-01-01T01:00:03Z"),
            json!("2026-01-01T01:00:03.000Z"),
            json!("2026-01-01T02:00:03+01:00"),
            json!("2026-01-01T02:00:03.000000+0100"),
            json!("2025-12-31T20:00:03-05:00"),
        ] {
            scenario.reply(Account::oauth("1").with("expires_at", expiry.clone()));
            let mut inside = Account::oauth("1").without("expires_at");
            inside.0["credentials"]["expires_at"] = expiry;
            scenario.reply(inside);
            for _ in 0..2 {
                let credentials = scenario.get().await.unwrap();
                assert_eq!(credentials.expires_at, Some(START_UNIX_MS as i64 + 3_600_000));
                scenario.forget().await.unwrap();
            }
        }
    }
}

case! {
    async fn a_malformed_expiry_is_an_error_and_nothing_is_cached(scenario) {
        for expiry in [json!("tomorrow"), json!(""), json!(3600), json!("2026-01-01T01:00:00"), json!({})] {
            scenario.reply(Account::oauth("1").with("expires_at", expiry));
            let result = scenario.get().await;
            assert_error(&result, "malformed-response");
            assert!(format!("{result:?}").contains("expires_at"));
        }
        assert!(scenario.harness.key_value.entries().is_empty());
    }
}

case! {
    async fn an_expired_entry_is_never_served(scenario) {
        scenario.reply(Account::oauth("1").expiring(600));
        scenario.get().await.unwrap();
        scenario.advance(600);
        scenario.reply(Reply::status(500));
        assert_error(&scenario.get().await, "upstream-failure");
        scenario.reply(Account::oauth("2").expiring(1200));
        assert_token(&scenario.get().await, "2", Source::Upstream);
    }
}

case! {
    async fn accounts_are_kept_apart(scenario) {
        scenario.harness.upstream.respond_with(|request| {
            let id = request.uri.path().split('/').nth(3).unwrap().to_owned();
            Account::oauth(&id).with("id", id.as_str()).reply()
        });
        for id in ["apn_a", "apn_b", "apn_a", "apn_b"] {
            let credentials = scenario.get_account(id).await.unwrap();
            assert_eq!(credentials.access_token, Some(secret(id)));
        }
        assert_eq!(scenario.requests(), 2);
        assert_eq!(scenario.harness.key_value.entries().len(), 2);
    }
}

case! {
    async fn a_response_for_another_account_is_an_error(scenario) {
        scenario.reply(Account::oauth("1").with("id", "apn_other"));
        assert_error(&scenario.get().await, "malformed-response");
        assert!(scenario.harness.key_value.entries().is_empty());
    }
}

case! {
    async fn api_keys_and_tenants_never_share_an_entry(scenario) {
        scenario.reply(Account::oauth("1"));
        scenario.get().await.unwrap();
        let others = [
            scenario.second_host(|builder| builder.config("credwell_api_key", secret("other-key"))),
            scenario.second_host(|builder| builder.config("credwell_tenant", "other")),
            scenario.second_host(|builder| builder.config("credwell_base_url", "https://other.example")),
        ];
        for (count, other) in others.iter().enumerate() {
            scenario.reply(Account::oauth("2"));
            assert_token(&other.get().await, "2", Source::Upstream);
            assert_eq!(scenario.harness.key_value.entries().len(), count + 2);
            other.search_for_secrets();
        }
        assert_token(&scenario.get().await, "1", Source::Cache);
    }
}

case! {
    async fn a_forgotten_account_is_fetched_again(scenario) {
        scenario.reply(Account::oauth("1"));
        scenario.reply(Account::oauth("2"));
        scenario.get().await.unwrap();
        scenario.forget().await.unwrap();
        // A tombstone is left, which has no content.
        let entries = scenario.harness.key_value.entries();
        assert!(entries.len() == 1 && entries[0].2.len() < 100, "{entries:?}");
        assert_token(&scenario.get().await, "2", Source::Upstream);
        scenario.forget().await.unwrap();
        scenario.forget().await.unwrap();
    }
}

case! {
    /// Some hosts reuse instances.
    async fn one_instance_serves_many_calls(scenario) {
        scenario.reply(Account::oauth("1"));
        let mut instance = scenario.harness.instance().await;
        for source in [Source::Upstream, Source::Cache, Source::Cache] {
            let result = instance.get(ACCOUNT).await.unwrap();
            assert_token(&scenario.recorded(result), "1", source);
        }
    }
}

case! {
    async fn other_forms_of_the_response_are_understood(scenario) {
        for body in [
            json!({"data": Account::oauth("1").0}),
            Account::oauth("1").0,
            json!({"data": {"credentials": {"oauth_access_token": secret("1")}, "expires_at": at(3600)}}),
            json!({"credentials": {"oauth_access_token": secret("1")}, "expires_at": null}),
        ] {
            scenario.reply(Reply::status(200).json(&body));
            assert_token(&scenario.get().await, "1", Source::Upstream);
            scenario.forget().await.unwrap();
        }
    }
}
