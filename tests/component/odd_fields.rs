//! Tests of accounts with optional fields of an unexpected type or form.

use crate::scenario::{Account, Scenario, assert_error, assert_token, at, case, field, secret};
use host_test::{FieldValue, Reply, Source, Warning};
use serde_json::json;

/// The names of the warnings of a call that returns the token `1` from `source`.
async fn warnings(scenario: &Scenario, source: Source) -> Vec<&'static str> {
    let result = scenario.get().await;
    assert_token(&result, "1", source);
    result.unwrap().warnings.iter().map(|warning| warning.case().name()).collect()
}

case! {
    /// The warning comes with each call, from the upstream and from the cache.
    async fn a_malformed_optional_time_is_ignored_with_a_warning(scenario) {
        for value in [json!("soon"), json!(1_767_225_600), json!(true)] {
            let in_account = Account::oauth("1").with("next_refresh_at", value.clone());
            let mut in_credentials = Account::oauth("1");
            in_credentials.0["credentials"]["expires_at"] = value.clone();
            for (account, name) in
                [(in_account, "next_refresh_at"), (in_credentials, "credentials.expires_at")]
            {
                scenario.reply(account);
                for source in [Source::Upstream, Source::Cache] {
                    assert_eq!(warnings(&scenario, source).await, ["field-ignored"], "{value}");
                }
                let credentials = scenario.get().await.unwrap();
                assert_eq!(credentials.warnings, [Warning::FieldIgnored(name.to_owned())], "{value}");
                assert_eq!(credentials.expires_at, Some(host_test::START_UNIX_MS as i64 + 3_600_000));
                scenario.forget().await.unwrap();
            }
        }
    }
}

case! {
    async fn a_malformed_expiry_without_a_sound_one_is_an_error(scenario) {
        let mut alone = Account::oauth("1").without("expires_at");
        alone.0["credentials"]["expires_at"] = json!("soon");
        let mut beside = Account::oauth("1").with("expires_at", "soon");
        beside.0["credentials"]["expires_at"] = json!(at(3600));
        for account in [alone, beside, Account::oauth("1").with("expires_at", 5)] {
            scenario.reply(account);
            assert_error(&scenario.get().await, "malformed-response");
        }
    }
}

case! {
    /// Such a text has no form in UTF-8 (RFC 8259, section 8.2).
    async fn a_text_with_an_unpaired_surrogate_is_kept_as_json(scenario) {
        let account = Account::oauth("1").with("name", "ODD").with("ODD", "odd name").0.to_string();
        let account = account.replace("U123", r"\udc00").replace("ODD", r"\ud800");
        scenario.reply(Reply::status(200).body(format!(r#"{{"data":{account}}}"#)));
        for source in [Source::Upstream, Source::Cache] {
            assert_eq!(warnings(&scenario, source).await, [""; 0]);
        }
        let credentials = scenario.get().await.unwrap();
        assert_eq!(credentials.account_name, None);
        let json = |fields: &[host_test::Field], name: &str| {
            fields.iter().find(|field| field.name == name).map(|field| field.value.clone())
        };
        let expected = |json: &str| Some(FieldValue::Json(json.to_owned()));
        assert_eq!(json(&credentials.account_fields, "name"), expected(r#""\ud800""#));
        assert_eq!(json(&credentials.fields, "oauth_uid"), expected(r#""\udc00""#));
        assert_eq!(field(&credentials.account_fields, r"\ud800"), Some(json!("odd name")));
    }
}

case! {
    async fn a_repeated_name_is_one_field_with_the_last_value(scenario) {
        let token = secret("1");
        let body = format!(
            r#"{{"data":{{"name":"a","name":"b","credentials":{{"k":1,"oauth_access_token":"x","k":2,
                "oauth_access_token":"{token}"}}}}}}"#
        );
        scenario.reply(Reply::status(200).body(body));
        assert_eq!(warnings(&scenario, Source::Upstream).await, [""; 0]);
        let credentials = scenario.get().await.unwrap();
        assert_eq!(credentials.account_name.as_deref(), Some("b"));
        let names = |fields: &[host_test::Field]| {
            fields.iter().map(|field| field.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(&credentials.fields), ["k", "oauth_access_token"]);
        assert_eq!(names(&credentials.account_fields), ["name"]);
        assert_eq!(field(&credentials.fields, "k"), Some(json!(2)));
    }
}
