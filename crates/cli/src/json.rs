//! The JSON of accounts, for scripts.

use crate::accounts::{AccountOutcome, source_name};
use credwell_host::{CallError, Credentials, Error, Field, FieldValue, Refused, Warning};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The name of the access token as a field.
pub(crate) const ACCESS_TOKEN: &str = "access_token";

/// The JSON object for an account. Names and values are those of the interface in `wit/credentials.wit`. Its
/// `account-json` is left out, because `fields` and `account_fields` have the same content.
#[derive(Serialize)]
#[serde(untagged)]
enum Document<'a> {
    Credentials {
        account_id: &'a str,
        app_slug: Option<&'a str>,
        account_name: Option<&'a str>,
        access_token: Option<&'a str>,
        fields: Fields<'a>,
        account_fields: Fields<'a>,
        expires_at: Option<i64>,
        fresh_until: Option<i64>,
        fetched_at: i64,
        source: &'a str,
        warnings: Vec<Message<'a>>,
    },
    Error {
        account_id: &'a str,
        error: Message<'a>,
    },
}

/// An error or a warning, with the data of its case.
#[derive(Default, Serialize)]
struct Message<'a> {
    case: &'a str,
    message: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Box<Self>>,
}

/// Fields as a JSON object, in their order.
struct Fields<'a>(&'a [Field]);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|field| (&field.name, Value(&field.value))))
    }
}

struct Value<'a>(&'a FieldValue);

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            FieldValue::Text(text) => serializer.serialize_str(text),
            FieldValue::Json(text) => {
                // A line break in JSON is white space, because line breaks in strings are escaped.
                let line = text.replace(['\n', '\r'], " ");
                RawValue::from_string(line).map_err(serde::ser::Error::custom)?.serialize(serializer)
            }
        }
    }
}

/// The line for an account.
pub(crate) fn line(outcome: &AccountOutcome<Credentials>) -> String {
    let document = match &outcome.result {
        Ok(credentials) => of_credentials(credentials),
        Err(error) => Document::Error { account_id: &outcome.account_id, error: of_call_error(error) },
    };
    match serde_json::to_string(&document) {
        Ok(text) => text + "\n",
        Err(_) => unreachable!("the component has parsed all JSON in its results"),
    }
}

fn of_credentials(credentials: &Credentials) -> Document<'_> {
    Document::Credentials {
        account_id: &credentials.account_id,
        app_slug: credentials.app_slug.as_deref(),
        account_name: credentials.account_name.as_deref(),
        access_token: credentials.access_token.as_deref(),
        fields: Fields(&credentials.fields),
        account_fields: Fields(&credentials.account_fields),
        expires_at: credentials.expires_at,
        fresh_until: credentials.fresh_until,
        fetched_at: credentials.fetched_at,
        source: source_name(credentials.source),
        warnings: credentials.warnings.iter().map(of_warning).collect(),
    }
}

fn of_call_error(error: &CallError) -> Message<'_> {
    match error {
        CallError::Call(error) => of_error(error),
        CallError::Trap(_) => Message {
            case: "trap",
            message: "the component ended without a result".into(),
            ..Message::default()
        },
    }
}

fn of_error(error: &Error) -> Message<'_> {
    let mut message =
        Message { case: error.case().name(), message: error.message().into(), ..Message::default() };
    match error {
        Error::Unauthorized(refusal) => message.refused = Some(refused_name(refusal.refused)),
        Error::RateLimited(limit) => message.retry_after_seconds = limit.retry_after,
        Error::UpstreamFailure(upstream) => {
            message.status = Some(upstream.status);
            message.retry_after_seconds = upstream.retry_after;
        }
        Error::AccountDead(state) | Error::AccountUnhealthy(state) => {
            message.reason = state.reason.as_deref();
        }
        _ => {}
    }
    message
}

fn of_warning(warning: &Warning) -> Message<'_> {
    let mut message =
        Message { case: warning.case().name(), message: warning.message().into(), ..Message::default() };
    match warning {
        Warning::RefreshFailed(error) | Warning::OauthTokenRefreshFailed(error) => {
            message.error = Some(Box::new(of_error(error)));
        }
        Warning::RefreshDeferred(wait) | Warning::TokenUnchanged(wait) => {
            message.retry_after_seconds = Some(*wait);
        }
        Warning::AlreadyExpired => {}
        Warning::CacheDegraded(failure) => message.operation = Some(&failure.operation),
        Warning::FieldIgnored(name) => message.field = Some(name),
    }
    message
}

/// The word for what the upstream refuses.
fn refused_name(refused: Refused) -> &'static str {
    match refused {
        Refused::ApiKey => "api-key",
        Refused::OauthClient => "oauth-client",
        Refused::OauthToken => "oauth-token",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::credentials;
    use credwell_host::{RateLimit, Refusal, UpstreamStatus};
    use serde_json::json;
    use std::time::Duration;

    fn outcome(result: Result<Credentials, CallError>) -> AccountOutcome<Credentials> {
        AccountOutcome { account_id: "apn_a".to_owned(), result, duration: Duration::ZERO }
    }

    #[test]
    fn credentials_are_one_line_with_every_digit() {
        assert_eq!(
            line(&outcome(Ok(credentials(Some("ya29"))))),
            concat!(
                r#"{"account_id":"apn_a","app_slug":"slack\u001b[31m","account_name":null,"#,
                r#""access_token":"ya29","fields":{"api_key":"0123456789abcdef","options":{"a": [1,  2]}},"#,
                r#""account_fields":{"version":1.50},"#,
                r#""expires_at":1767225600000,"fresh_until":1767225540000,"fetched_at":0,"source":"cache","#,
                r#""warnings":[{"case":"cache-degraded","message":"the cache did not work, reading an entry "#,
                r#"failed: slow","operation":"reading an entry"}]}"#,
                "\n"
            )
        );
    }

    #[test]
    fn an_error_has_its_case_and_details() {
        let message = || "why".to_owned();
        let status = UpstreamStatus { status: 503, retry_after: Some(7), message: message() };
        let refusal = Refusal { refused: Refused::OauthClient, message: message() };
        for (error, details) in [
            (
                Error::RateLimited(RateLimit { retry_after: Some(7), message: message() }),
                r#""case":"rate-limited","message":"why","retry_after_seconds":7"#,
            ),
            (
                Error::UpstreamFailure(status),
                r#""case":"upstream-failure","message":"why","retry_after_seconds":7,"status":503"#,
            ),
            (
                Error::Unauthorized(refusal),
                r#""case":"unauthorized","message":"why","refused":"oauth-client""#,
            ),
        ] {
            let line = line(&outcome(Err(CallError::Call(error))));
            assert_eq!(line, format!("{{\"account_id\":\"apn_a\",\"error\":{{{details}}}}}\n"));
        }
    }

    #[test]
    fn a_warning_has_its_case_and_details() {
        let json = |warning: Warning| serde_json::to_value(of_warning(&warning)).expect("it is JSON");
        let failed = Error::TimedOut("slow".to_owned());
        for warning in [Warning::RefreshFailed(failed.clone()), Warning::OauthTokenRefreshFailed(failed)] {
            let error = json!({ "case": "timed-out", "message": "slow" });
            assert_eq!(json(warning)["error"], error);
        }
        for warning in [Warning::RefreshDeferred(7), Warning::TokenUnchanged(7)] {
            assert_eq!(json(warning)["retry_after_seconds"], 7);
        }
        assert_eq!(json(Warning::FieldIgnored("next_refresh_at".to_owned()))["field"], "next_refresh_at");
        assert_eq!(json(Warning::AlreadyExpired)["case"], "already-expired");
    }
}
