//! The upstream's account object, which contains the credentials.

use crate::account_id::AccountId;
use crate::error::{Error, Malformed};
use crate::secret::{self, ExposeSecret, SecretString};
use crate::timestamp::UnixMilliseconds;
use crate::upstream::fields::{self, Field, FieldValue, Fields};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

/// The maximum length of the upstream's explanation in an error, in characters.
const MAXIMUM_REASON: usize = 200;

/// The minimum length of a word in the explanation that looks like a secret, in bytes.
const SHORTEST_SECRET_WORD: usize = 16;

/// The minimum length of a credential that the explanation must not repeat, in bytes. A shorter one is no
/// secret, and can be part of any sentence.
const SHORTEST_CREDENTIAL: usize = 6;

/// The names of the optional fields that an account does without if they have an unexpected type or form.
pub const OPTIONAL_FIELDS: [&str; 2] = ["next_refresh_at", "credentials.expires_at"];

/// An account that the upstream has sent.
#[derive(Debug)]
pub struct FetchedAccount {
    /// The whole account object as JSON. This is the content of the cache entry.
    pub json: SecretString,
    /// The same account object, read.
    pub account: Account,
}

/// An account with its credentials.
#[derive(Debug)]
pub struct Account {
    /// The field `app.name_slug`.
    pub app_slug: Option<String>,
    /// The field `name`.
    pub name: Option<String>,
    /// The field `credentials.oauth_access_token`.
    pub access_token: Option<SecretString>,
    /// Every field of `credentials`.
    pub fields: Vec<Field>,
    /// Every field of the account except `credentials`.
    pub account_fields: Vec<Field>,
    /// When the credentials expire. None: never.
    pub expires_at: Option<UnixMilliseconds>,
    /// When the upstream refreshes the credentials, which can revoke the present token at once.
    pub next_refresh_at: Option<UnixMilliseconds>,
    /// Those of the [`OPTIONAL_FIELDS`] that are left out because they have an unexpected type or form.
    pub ignored_fields: Vec<&'static str>,
}

impl Account {
    /// Reads the body of the response to a request for the account `requested`.
    ///
    /// The account object is the value of a field `data`, or the whole body: the upstream's documents and its
    /// SDKs differ here.
    ///
    /// # Errors
    /// [`Error::AccountDead`], [`Error::AccountUnhealthy`] or [`Error::NoCredentials`] if the upstream
    /// reports that, and [`Error::MalformedResponse`].
    pub fn from_response(body: &[u8], requested: &AccountId) -> Result<FetchedAccount, Error> {
        let body = core::str::from_utf8(body).map_err(|_| Error::MalformedResponse(Malformed::NotJson))?;
        let not_an_account = Error::MalformedResponse(Malformed::NotAnAccount);
        let Some(envelope) = Fields::parse(body) else {
            let is_json = serde_json::from_str::<serde::de::IgnoredAny>(body).is_ok();
            return Err(if is_json { not_an_account } else { Error::MalformedResponse(Malformed::NotJson) });
        };
        let json = match envelope.get("data") {
            Some(data) if data.starts_with('{') => data,
            _ if envelope.get("id").or(envelope.get("credentials")).is_some() => body,
            _ => return Err(not_an_account),
        };
        let account = Self::from_json(json, requested)?;
        Ok(FetchedAccount { json: json.into(), account })
    }

    /// Reads an account object.
    ///
    /// # Errors
    /// As for [`from_response`](Self::from_response).
    pub fn from_json(json: &str, requested: &AccountId) -> Result<Self, Error> {
        let account = Fields::parse(json).ok_or(Error::MalformedResponse(Malformed::NotAnAccount))?;

        // Without this check, a wrong response would cache the credentials of another account under this key.
        if let Some(id) = string(&account, "id")?
            && id.expose_secret() != requested.as_str()
        {
            return Err(Error::MalformedResponse(Malformed::AnotherAccount));
        }

        let credentials = match account.get("credentials") {
            Some(json) => Some(Fields::parse(json).ok_or(malformed("credentials"))?),
            None => None,
        };
        let reason = || reason(&account);
        if boolean(&account, "dead")? == Some(true) {
            return Err(Error::AccountDead { reason: reason() });
        }
        if boolean(&account, "healthy")? == Some(false) {
            return Err(Error::AccountUnhealthy { reason: reason() });
        }
        let credentials = credentials.filter(|fields| !fields.is_empty()).ok_or(Error::NoCredentials)?;

        let mut ignored_fields = Vec::new();
        let mut or_ignore = |time: Result<_, Error>, name| {
            time.unwrap_or_else(|_| {
                ignored_fields.push(name);
                None
            })
        };
        let [next_refresh, credentials_expires] = OPTIONAL_FIELDS;
        let next_refresh_at = or_ignore(time(&account, next_refresh), next_refresh);
        let account_expiry = time(&account, "expires_at")?;
        let credentials_expiry = match time(&credentials, "expires_at") {
            time if account_expiry.is_some() => or_ignore(time, credentials_expires),
            time => time?,
        };
        let token = string(&credentials, "oauth_access_token")?;
        let app = account.get("app").and_then(Fields::parse);
        Ok(Self {
            app_slug: app.and_then(|app| description(&app, "name_slug")),
            name: description(&account, "name"),
            access_token: token.filter(|token| !token.expose_secret().is_empty()),
            fields: credentials.to_vec_without(None),
            account_fields: account.to_vec_without(Some("credentials")),
            // If the two differ, the earlier one is safe.
            expires_at: account_expiry.into_iter().chain(credentials_expiry).min(),
            next_refresh_at,
            ignored_fields,
        })
    }

    /// Whether a request can be authorized with `secret` by these credentials: `secret` is the access token.
    /// Without an access token `secret` is the value of a field, or a string or a number within the value.
    pub fn authorizes_with(&self, secret: &SecretString) -> bool {
        if let Some(token) = &self.access_token {
            return secret::same(token, secret);
        }
        self.fields.iter().any(|field| match &field.value {
            FieldValue::Text(value) => secret::same(value, secret),
            FieldValue::Json(value) => {
                let mut scalars = fields::scalars(value.expose_secret());
                secret::same(value, secret) || scalars.any(|json| secret::same(&scalar(json), secret))
            }
        })
    }

    /// Whether `other` has the same access token, or, if neither has an access token, the same credentials.
    pub fn has_same_secret_as(&self, other: &Self) -> bool {
        match (&self.access_token, &other.access_token) {
            (Some(token), Some(other)) => secret::same(token, other),
            (None, None) => self.fields == other.fields,
            _ => false,
        }
    }
}

fn malformed(field: &'static str) -> Error {
    Error::MalformedResponse(Malformed::Field(field))
}

fn string(fields: &Fields<'_>, name: &'static str) -> Result<Option<SecretString>, Error> {
    fields.get(name).map(|json| fields::text(json).ok_or(malformed(name))).transpose()
}

fn boolean(fields: &Fields<'_>, name: &'static str) -> Result<Option<bool>, Error> {
    let value = fields.get(name).map(|json| json.parse().map_err(|_| malformed(name)));
    value.transpose()
}

/// Reads a time. A malformed expiry is an error of the account: without an expiry the cache would keep a dead
/// token.
fn time(fields: &Fields<'_>, name: &'static str) -> Result<Option<UnixMilliseconds>, Error> {
    let Some(text) = string(fields, name)? else { return Ok(None) };
    UnixMilliseconds::parse(text.expose_secret()).ok_or(malformed(name)).map(Some)
}

/// The text of a descriptive field. None if the value is not a string. The value stays in the account's
/// fields.
fn description(fields: &Fields<'_>, name: &str) -> Option<String> {
    fields.get(name).and_then(fields::text).map(|text| text.expose_secret().to_owned())
}

/// A string without its quotes and escape sequences, or any other scalar as its JSON text.
fn scalar(json: &str) -> SecretString {
    fields::text(json).unwrap_or_else(|| json.into())
}

/// The upstream's explanation, shortened: the field `error`, or the `message` or `code` in it.
///
/// The explanation can contain a secret, for example if the upstream repeats the response of an app. So each
/// word that looks like a secret is replaced with `[…]`. If the explanation repeats a value of the
/// credentials, the result is None.
fn reason(account: &Fields<'_>) -> Option<String> {
    let error = account.get("error")?;
    let explanation = fields::text(error).or_else(|| {
        let details = Fields::parse(error)?;
        details.get("message").or(details.get("code")).and_then(fields::text)
    })?;
    let explanation = explanation.expose_secret();
    let mut credentials = fields::scalars(account.get("credentials").unwrap_or_default());
    let repeats = credentials.any(|json| {
        let text = scalar(json);
        text.expose_secret().len() >= SHORTEST_CREDENTIAL && explanation.contains(text.expose_secret())
    });
    if repeats {
        return None;
    }
    let words = explanation
        .split([' ', '\n', '\t'])
        .filter(|word| !word.is_empty())
        .map(|word| if looks_like_secret(word) { "[…]" } else { word });
    let words = words.collect::<Vec<_>>().join(" ");
    Some(words.chars().filter(|character| !character.is_control()).take(MAXIMUM_REASON).collect())
}

/// Whether a word can be a key or a token: it is long and contains a digit.
fn looks_like_secret(word: &str) -> bool {
    word.len() >= SHORTEST_SECRET_WORD && word.bytes().any(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests;
