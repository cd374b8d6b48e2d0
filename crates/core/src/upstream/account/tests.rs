use super::*;
use proptest::prelude::*;

const KNOWN_FIELDS: [&str; 8] =
    ["id", "credentials", "expires_at", "next_refresh_at", "dead", "healthy", "error", "app"];

fn parse(body: &str) -> Result<Account, Error> {
    let fetched = Account::from_response(body.as_bytes(), &AccountId::parse("apn_abc").unwrap())?;
    Ok(fetched.account)
}

fn parse_data(rest: &str) -> Result<Account, Error> {
    parse(&format!(r#"{{"data": {{"credentials": {{"oauth_access_token": "token-1"}}{rest}}}}}"#))
}

#[test]
fn the_account_is_in_data_or_is_the_body() {
    let bare = r#"{"id": "apn_abc", "name": "Work", "app": {"name_slug": "slack"},
        "credentials": {"oauth_access_token": "token-1", "team": {"id": 7}},
        "expires_at": "2024-02-10T19:10:59.123Z", "next_refresh_at": "2024-02-10T18:00:00Z",
        "unknown": [1]}"#;
    let with_data = bare.replacen('{', r#"{"data": "a field of this name","#, 1);
    assert_eq!(parse(&with_data).unwrap().account_fields.len(), 7);
    for body in
        [bare.to_owned(), format!(r#"{{"data": {bare}}}"#), format!(r#"{{"data": {bare}, "more": 1}}"#)]
    {
        let account = parse(&body).unwrap();
        assert_eq!(account.name.as_deref(), Some("Work"));
        assert_eq!(account.app_slug.as_deref(), Some("slack"));
        assert_eq!(account.access_token.as_ref().unwrap().expose_secret(), "token-1");
        assert_eq!(account.expires_at, Some(UnixMilliseconds(1_707_592_259_123)));
        assert_eq!(account.next_refresh_at, UnixMilliseconds::parse("2024-02-10T18:00:00Z"));
        let names = |fields: &[Field]| fields.iter().map(|field| field.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&account.fields), ["oauth_access_token", "team"]);
        let rest = ["id", "name", "app", "expires_at", "next_refresh_at", "unknown"];
        assert_eq!(names(&account.account_fields), rest);
    }
}

#[test]
fn the_earlier_expiry_of_account_and_credentials_counts() {
    let in_account = r#", "expires_at": "2024-01-02T00:00:00Z""#;
    let second = UnixMilliseconds::parse("2024-01-02T00:00:00Z");
    assert_eq!(parse_data(in_account).unwrap().expires_at, second);
    let in_both =
        r#"{"data": {"credentials": {"a": "b", "expires_at": "2024-01-02T00:00:00Z"}, "expires_at": OTHER}}"#;
    assert_eq!(parse(&in_both.replace("OTHER", "null")).unwrap().expires_at, second);
    assert_eq!(parse(&in_both.replace("OTHER", r#""2024-01-03T00:00:00Z""#)).unwrap().expires_at, second);
    let first = UnixMilliseconds::parse("2024-01-01T00:00:00Z");
    assert_eq!(parse(&in_both.replace("OTHER", r#""2024-01-01T00:00:00Z""#)).unwrap().expires_at, first);
    assert_eq!(parse_data("").unwrap().expires_at, None);
    assert_eq!(parse_data(r#", "expires_at": null"#).unwrap().expires_at, None);
}

#[test]
fn a_field_of_an_unexpected_form_is_an_error_that_names_it() {
    for (rest, field) in [
        (r#", "expires_at": "soon""#, "expires_at"),
        (r#", "expires_at": """#, "expires_at"),
        (r#", "expires_at": 1707592259"#, "expires_at"),
        (r#", "expires_at": false"#, "expires_at"),
        (r#", "dead": "yes""#, "dead"),
        (r#", "healthy": 0"#, "healthy"),
        (r#", "id": 5"#, "id"),
        (r#", "credentials": "token""#, "credentials"),
        (r#", "credentials": {"oauth_access_token": 5}"#, "oauth_access_token"),
        (r#", "id": "\udc00""#, "id"),
        (r#", "credentials": {"oauth_access_token": "\udc00"}"#, "oauth_access_token"),
        (r#", "credentials": {"a": "b", "expires_at": "soon"}"#, "expires_at"),
        (r#", "expires_at": null, "credentials": {"a": "b", "expires_at": "soon"}"#, "expires_at"),
        (
            r#", "expires_at": "soon", "credentials": {"a": "b", "expires_at": "2024-01-02T00:00:00Z"}"#,
            "expires_at",
        ),
    ] {
        let error = parse_data(rest).unwrap_err();
        assert_eq!(error, Error::MalformedResponse(Malformed::Field(field)), "{rest}");
    }
}

#[test]
fn an_optional_field_of_an_unexpected_form_is_ignored_and_named() {
    for value in [r#""2024-02-10""#, r#""\ud800""#, "1707592259", "true", "{}", "[]"] {
        let account = parse_data(&format!(r#", "next_refresh_at": {value}"#)).unwrap();
        assert_eq!(account.next_refresh_at, None, "{value}");
        assert_eq!(account.ignored_fields, ["next_refresh_at"], "{value}");
        let rest = format!(
            r#", "expires_at": "2024-01-02T00:00:00Z", "credentials": {{"a": "b", "expires_at": {value}}}"#
        );
        let account = parse_data(&rest).unwrap();
        assert_eq!(account.expires_at, UnixMilliseconds::parse("2024-01-02T00:00:00Z"), "{value}");
        assert_eq!(account.ignored_fields, ["credentials.expires_at"], "{value}");
    }
    assert!(parse_data(r#", "next_refresh_at": null"#).unwrap().ignored_fields.is_empty());
}

#[test]
fn text_with_an_unpaired_surrogate_is_kept_as_json() {
    let rest = r#", "name": "\ud800", "app": {"name_slug": "\ud800"}, "error": "\ud800",
        "credentials": {"oauth_access_token": "token-1", "note": "\udc00x"}"#;
    let account = parse_data(rest).unwrap();
    assert_eq!((account.name, account.app_slug), (None, None));
    let json = |fields: &[Field], name: &str| {
        let value = &fields.iter().find(|field| field.name == name).unwrap().value;
        match value {
            FieldValue::Json(json) => json.expose_secret().to_owned(),
            FieldValue::Text(text) => panic!("{}", text.expose_secret()),
        }
    };
    assert_eq!(json(&account.account_fields, "name"), r#""\ud800""#);
    assert_eq!(json(&account.fields, "note"), r#""\udc00x""#);
}

#[test]
fn other_bodies_are_malformed() {
    for (body, malformed) in [
        ("", Malformed::NotJson),
        ("<html>", Malformed::NotJson),
        (r#"{"data": {"#, Malformed::NotJson),
        ("[]", Malformed::NotAnAccount),
        ("null", Malformed::NotAnAccount),
        ("{}", Malformed::NotAnAccount),
        (r#"{"data": null}"#, Malformed::NotAnAccount),
        (r#"{"data": []}"#, Malformed::NotAnAccount),
        (r#"{"data": "text", "more": 1}"#, Malformed::NotAnAccount),
        (r#"{"error": "secret"}"#, Malformed::NotAnAccount),
        (r#"{"data": {"id": "apn_other", "credentials": {"a": "b"}}}"#, Malformed::AnotherAccount),
    ] {
        assert_eq!(parse(body).unwrap_err(), Error::MalformedResponse(malformed), "{body}");
    }
    assert!(Account::from_response(b"{\"data\": \"\xff\"}", &AccountId::parse("apn_a").unwrap()).is_err());
}

#[test]
fn an_account_without_credentials_has_its_own_error() {
    for body in [
        r#"{"data": {}}"#,
        r#"{"data": {"id": "apn_abc", "credentials": null}}"#,
        r#"{"data": {"id": "apn_abc", "credentials": {}}}"#,
        r#"{"id": "apn_abc"}"#,
    ] {
        assert_eq!(parse(body).unwrap_err(), Error::NoCredentials, "{body}");
    }
}

#[test]
fn dead_and_unhealthy_accounts_are_errors_with_the_reason() {
    let reason = Some("token revoked".to_owned());
    let rest = r#", "dead": true, "healthy": false, "error": "token\n revoked""#;
    assert_eq!(parse_data(rest).unwrap_err(), Error::AccountDead { reason: reason.clone() });
    let rest = r#", "healthy": false, "dead": null, "error": "token revoked""#;
    assert_eq!(parse_data(rest).unwrap_err(), Error::AccountUnhealthy { reason });
    let rest = r#", "dead": true, "error": {"code": "E7", "message": "revoked", "raw": "xyz"}"#;
    assert_eq!(parse_data(rest).unwrap_err(), Error::AccountDead { reason: Some("revoked".to_owned()) });
    let rest = r#", "dead": true, "error": {"code": 7}"#;
    assert_eq!(parse_data(rest).unwrap_err(), Error::AccountDead { reason: None });
    assert!(parse_data(r#", "healthy": true, "dead": false, "error": null"#).is_ok());
    assert!(parse_data(r#", "healthy": null, "dead": null"#).is_ok());
}

#[test]
fn a_reason_is_short_and_repeats_no_secret() {
    let long = format!(r#", "dead": true, "error": "{}""#, "é".repeat(500));
    let Err(Error::AccountDead { reason: Some(reason) }) = parse_data(&long) else { panic!("{long}") };
    assert_eq!(reason.chars().count(), MAXIMUM_REASON);
    let leaking = r#", "dead": true, "error": "the app refused token-1""#;
    assert_eq!(parse_data(leaking).unwrap_err(), Error::AccountDead { reason: None });
    let nested = r#", "dead": true, "error": "refused key-77", "credentials": {"a": [{"b": "key-77"}]}"#;
    assert_eq!(parse_data(nested).unwrap_err(), Error::AccountDead { reason: None });
    let previous =
        r#", "dead": true, "error": "400: refresh token 1//0gAbCdEf-ghijk refused", "credentials": null"#;
    let Err(Error::AccountDead { reason }) = parse_data(previous) else { panic!("{previous}") };
    assert_eq!(reason.as_deref(), Some("400: refresh token […] refused"));
}

#[test]
fn a_secret_of_the_account_is_found() {
    let oauth = parse(r#"{"data": {"credentials": {"oauth_access_token": "one", "key": "two"}}}"#).unwrap();
    assert!(oauth.authorizes_with(&"one".into()));
    assert!(!oauth.authorizes_with(&"two".into()) && !oauth.authorizes_with(&"three".into()));
    let keys = parse(
        r#"{"data": {"credentials": {"key": "two", "n": 3, "oauth_access_token": "",
            "nested": {"keys": ["f\u006fur", {"five": 5.50}], "odd": "\ud800"}}}}"#,
    )
    .unwrap();
    for secret in ["two", "3", "four", "5.50", r#"{"keys": ["f\u006fur", {"five": 5.50}], "odd": "\ud800"}"#]
    {
        assert!(keys.authorizes_with(&secret.into()), "{secret}");
    }
    for secret in ["one", "keys", "five", "5.5", "key", "nested"] {
        assert!(!keys.authorizes_with(&secret.into()), "{secret}");
    }
}

#[test]
fn accounts_are_compared_by_their_secrets() {
    let oauth = parse(r#"{"data": {"credentials": {"oauth_access_token": "one", "key": "two"}}}"#).unwrap();
    let keys = parse(r#"{"data": {"credentials": {"key": "two", "n": 3}}}"#).unwrap();
    assert!(!keys.has_same_secret_as(&oauth));
    let later = parse(r#"{"data": {"name": "x", "credentials": {"key": "two", "n": 3}}}"#).unwrap();
    assert!(keys.has_same_secret_as(&later));
    let other = parse(r#"{"data": {"credentials": {"key": "two", "n": 4}}}"#).unwrap();
    assert!(!keys.has_same_secret_as(&other));
    for (token, is_same) in [("one", true), ("other", false)] {
        let json =
            format!(r#"{{"data": {{"credentials": {{"oauth_access_token": "{token}", "key": "x"}}}}}}"#);
        assert_eq!(oauth.has_same_secret_as(&parse(&json).unwrap()), is_same, "{token}");
    }
}

#[test]
fn no_secret_is_printed() {
    let account =
        parse(r#"{"data": {"credentials": {"oauth_access_token": "xoxb-1", "key": "sk-2"}}}"#).unwrap();
    let printed = format!("{account:?}");
    assert!(!printed.contains("xoxb") && !printed.contains("sk-2"), "{printed}");
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        ".{0,12}".prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::hash_map(".{0,8}", inner, 0..4)
                .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn every_field_of_the_credentials_is_passed_on_without_loss(
        fields in prop::collection::btree_map("[a-z]{1,8}", json(), 1..6)
    ) {
        let sent = serde_json::Value::Object(fields.clone().into_iter().collect());
        let body = serde_json::json!({"data": {"id": "apn_abc", "credentials": sent}}).to_string();
        let account = parse(&body).unwrap();
        prop_assert_eq!(account.fields.len(), fields.len());
        for field in account.fields {
            let got = match field.value {
                FieldValue::Text(text) => serde_json::Value::from(text.expose_secret()),
                FieldValue::Json(json) => serde_json::from_str(json.expose_secret()).unwrap(),
            };
            prop_assert_eq!(&got, &fields[&field.name]);
        }
    }

    #[test]
    fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..256)) {
        let _ = Account::from_response(&body, &AccountId::parse("apn_abc").unwrap());
    }

    #[test]
    fn no_value_of_a_known_field_panics(value in json(), index in 0..KNOWN_FIELDS.len()) {
        let mut account = serde_json::json!({"credentials": {"oauth_access_token": "t"}, "dead": true});
        account[KNOWN_FIELDS[index]] = value;
        let _ = parse(&serde_json::json!({"data": account}).to_string());
    }
}
