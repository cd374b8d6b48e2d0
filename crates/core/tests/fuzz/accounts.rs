//! Responses of the upstream near the form of an account.

use crate::damage::{apply, damage};
use crate::{Verdict, fuzz};
use credwell_core::account_id::AccountId;
use credwell_core::secret::ExposeSecret;
use credwell_core::upstream::account::{Account, FetchedAccount};
use credwell_core::upstream::fields::{Field, FieldValue};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

/// The account that is asked for.
pub(crate) const ACCOUNT: &str = "apn_a1";

/// The secret in most accounts.
pub(crate) const SECRET: &str = "ya29.A0-fuzz_secret/0123456789";

/// JSON values that a field can have beside its usual ones.
const ODD: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-1.5e300",
    "\"\"",
    "[]",
    "{}",
    "[[[1]]]",
    "{\"a\":{\"b\":[null]}}",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "\"2026-13-01T00:00:00Z\"",
    "\"soon\"",
    "1767225600",
];

/// Texts with a meaning in JSON or in an account.
const SNIPPETS: &[&str] = &[
    "\"",
    "\\",
    "\\u",
    "\\ud800",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "\"id\":1,",
    "\"dead\":true,",
    "\"credentials\":{},",
    "\"expires_at\":\"2020-01-01T00:00:00Z\",",
    "\"data\":",
    "\u{feff}",
    "\n",
];

fn time() -> impl Strategy<Value = String> {
    (2020_u32..2040, 1_u32..13, select(&["Z", ".9Z", ".999999Z", "+01:00", "-0530"][..]))
        .prop_map(|(year, month, end)| format!("\"{year}-{month:02}-28T01:02:03{end}\""))
}

/// A field with one of its usual values, or with an odd one.
fn field(
    name: &'static str,
    usual: impl Strategy<Value = String> + 'static,
) -> BoxedStrategy<Option<String>> {
    let share = if ["credentials", "oauth_access_token"].contains(&name) { 0.9 } else { 0.5 };
    let value = prop_oneof![30 => usual, 1 => select(ODD).prop_map(str::to_owned)];
    let field = value.prop_map(move |value| format!("\"{name}\":{value}"));
    prop::option::weighted(share, field).boxed()
}

fn object(fields: Vec<BoxedStrategy<Option<String>>>) -> impl Strategy<Value = String> {
    let fields = fields.prop_map(|fields| fields.into_iter().flatten().collect::<Vec<_>>());
    // Names can repeat, in any order.
    (fields.clone(), fields, any::<bool>(), any::<u8>()).prop_map(|(one, two, is_reversed, repeats)| {
        let two = two.into_iter().take(usize::from(repeats.saturating_sub(250)));
        let mut fields: Vec<_> = one.into_iter().chain(two).collect();
        if is_reversed {
            fields.reverse();
        }
        format!("{{{}}}", fields.join(","))
    })
}

fn texts(values: &'static [&'static str]) -> BoxedStrategy<String> {
    select(values).prop_map(str::to_owned).boxed()
}

/// A body of a response, mostly with an account.
pub(crate) fn body() -> impl Strategy<Value = Vec<u8>> {
    let secret = || Just(format!("\"{SECRET}\""));
    let credentials = object(vec![
        field("oauth_access_token", secret()),
        field("expires_at", time()),
        field("api_key", secret()),
        field("nested", Just(format!("{{\"a\":[\"{SECRET}\",1]}}"))),
    ]);
    let error = prop_oneof![
        texts(&["\"revoked\"", "{\"message\":\"try again\"}", "{\"code\":\"invalid_grant\"}"]),
        Just(format!("\"the app refuses {SECRET} today\"")),
        Just(format!("{{\"message\":\"token={SECRET}&x=1\\nretry\"}}")),
    ];
    let account = object(vec![
        field("id", texts(&["\"apn_a1\"", "\"apn_a1\"", "\"apn_a1\"", "\"apn_a1\"", "\"apn_b\""])),
        field("name", texts(&["\"Ann\"", "\"\u{e9}\\n\""])),
        field("app", texts(&["{\"name_slug\":\"slack\"}", "{\"name_slug\":7}"])),
        field("dead", texts(&["false", "false", "false", "false", "true"])),
        field("healthy", texts(&["true", "true", "true", "true", "false"])),
        field("error", error),
        field("expires_at", time()),
        field("next_refresh_at", time()),
        field("credentials", credentials),
    ])
    .boxed();
    let body = prop_oneof![
        12 => account.clone().prop_map(|account| format!("{{\"data\":{account}}}")),
        4 => account,
        1 => select(ODD).prop_map(|data| format!("{{\"data\":{data}}}")),
    ];
    (body, damage(SNIPPETS)).prop_map(|(body, changes)| apply(body.into_bytes(), &changes))
}

/// The time in a field, as `chrono` reads it.
fn stated_time(object: &Value, name: &str) -> Option<i64> {
    let time = chrono::DateTime::parse_from_rfc3339(object.get(name)?.as_str()?);
    time.ok().map(|time| time.timestamp_millis())
}

/// The fields with their values, as `serde_json` reads them. The order of fields is left out.
fn values(fields: &[Field]) -> serde_json::Map<String, Value> {
    let value = |field: &Field| match &field.value {
        FieldValue::Text(text) => Value::from(text.expose_secret()),
        FieldValue::Json(json) => serde_json::from_str(json.expose_secret()).expect("a value is JSON"),
    };
    fields.iter().map(|field| (field.name.clone(), value(field))).collect()
}

/// Compares an account with its JSON as `serde_json` reads it.
fn check_account(account: &Account, json: &Value) {
    let expiry = account.expires_at.map(|time| time.0);
    let credentials = &json["credentials"];
    for stated in [stated_time(json, "expires_at"), stated_time(credentials, "expires_at")] {
        // Without an expiry the credentials would be fresh for ever.
        assert!(stated.is_none_or(|stated| expiry.is_some_and(|expiry| expiry <= stated)), "{json}");
    }
    assert!(json["id"].is_null() || json["id"] == ACCOUNT, "{json}");
    assert!(json["dead"] != true && json["healthy"] != false, "{json}");
    let mut account_fields = json.as_object().expect("an account is an object").clone();
    account_fields.remove("credentials");
    assert_eq!(values(&account.account_fields), account_fields);
    assert_eq!(Some(&values(&account.fields)), credentials.as_object());
    let token = account.access_token.as_ref().map(|token| token.expose_secret());
    let stated = credentials["oauth_access_token"].as_str();
    assert_eq!(token, stated.filter(|token| !token.is_empty()));
}

#[test]
fn an_account_is_what_its_json_says() {
    fuzz("accounts", body(), |body| {
        let requested = AccountId::parse(ACCOUNT).expect("a valid id");
        let FetchedAccount { json, account } = match Account::from_response(&body, &requested) {
            Ok(fetched) => fetched,
            Err(error) => {
                assert!(!format!("{error} {error:?}").contains(SECRET));
                return Verdict::Refused;
            }
        };
        // The parser of `serde_json` takes less: no unpaired surrogates, for example.
        if let Ok(value) = serde_json::from_str(json.expose_secret()) {
            check_account(&account, &value);
        }

        // The cache holds the account's JSON.
        let cached = Account::from_json(json.expose_secret(), &requested).expect("what was taken is taken");
        assert!(account.has_same_secret_as(&cached));
        assert_eq!(
            (account.expires_at, account.next_refresh_at),
            (cached.expires_at, cached.next_refresh_at)
        );
        assert_eq!((&account.name, &account.app_slug), (&cached.name, &cached.app_slug));
        assert_eq!(account.ignored_fields, cached.ignored_fields);
        if let Some(token) = &account.access_token {
            assert!(account.authorizes_with(token));
        }
        Verdict::Taken
    });
}
