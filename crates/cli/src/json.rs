//! The JSON of accounts, for scripts.

use crate::accounts::{AccountOutcome, source_name};
use credwell_host::{CallError, Credentials, Error, Field, FieldValue};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// The name of the access token as a field.
pub(crate) const ACCESS_TOKEN: &str = "access_token";

/// The JSON object for an account. Names and values are those of the interface in `wit/credentials.wit`.
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
        fetched_at: i64,
        source: &'a str,
        warnings: Vec<Message<'a>>,
    },
    Error {
        account_id: &'a str,
        error: Message<'a>,
    },
}

#[derive(Serialize)]
struct Message<'a> {
    case: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl<'a> Message<'a> {
    fn new(case: &'a str, message: &'a str) -> Self {
        Self { case, message, retry_after_seconds: None, status: None, reason: None }
    }
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
        Err(error) => Document::Error { account_id: &outcome.account_id, error: of_error(error) },
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
        fetched_at: credentials.fetched_at,
        source: source_name(credentials.source),
        warnings: credentials
            .warnings
            .iter()
            .map(|warning| Message::new(warning.case().name(), warning.message()))
            .collect(),
    }
}

fn of_error(error: &CallError) -> Message<'_> {
    let error = match error {
        CallError::Call(error) => error,
        CallError::Trap(_) => return Message::new("trap", "the component ended without a result"),
    };
    let mut message = Message::new(error.case().name(), error.message());
    match error {
        Error::RateLimited(limit) => message.retry_after_seconds = limit.retry_after_seconds,
        Error::UpstreamFailure(upstream) => message.status = Some(upstream.status),
        Error::AccountDead(state) | Error::AccountUnhealthy(state) => {
            message.reason = state.reason.as_deref();
        }
        _ => {}
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::credentials;
    use credwell_host::RateLimit;
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
                r#""expires_at":1767225600000,"fetched_at":0,"source":"cache","#,
                r#""warnings":[{"case":"cache-degraded","message":"slow"}]}"#,
                "\n"
            )
        );
    }

    #[test]
    fn an_error_has_its_case_and_details() {
        let limit = RateLimit { retry_after_seconds: Some(7), message: "wait".to_owned() };
        assert_eq!(
            line(&outcome(Err(CallError::Call(Error::RateLimited(limit))))),
            "{\"account_id\":\"apn_a\",\"error\":\
             {\"case\":\"rate-limited\",\"message\":\"wait\",\"retry_after_seconds\":7}}\n"
        );
    }
}
