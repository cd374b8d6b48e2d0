//! The upstream's account object, which holds the credentials.

use crate::account_id::AccountId;
use crate::error::{Error, Malformed};
use crate::secret::{self, ExposeSecret, SecretString};
use crate::timestamp::UnixMilliseconds;
use crate::upstream::fields::{self, Field, FieldValue, Fields};

/// The longest explanation of the upstream's that is passed on, in characters.
const MAXIMUM_REASON: usize = 200;

/// The shortest word of an explanation that is taken for a secret, in bytes.
const SHORTEST_SECRET: usize = 16;

/// An account with its credentials.
#[derive(Debug)]
pub struct Account {
    /// The account object's JSON, whole: what is cached.
    pub json: SecretString,
    /// `app.name_slug`.
    pub app_slug: Option<String>,
    /// `name`.
    pub name: Option<String>,
    /// `credentials.oauth_access_token`.
    pub access_token: Option<SecretString>,
    /// All of `credentials`.
    pub fields: Vec<Field>,
    /// All but `credentials`.
    pub account_fields: Vec<Field>,
    /// When the credentials expire; none: they don't.
    pub expires_at: Option<UnixMilliseconds>,
    /// When the upstream means to refresh them, which can end the present token at once.
    pub next_refresh_at: Option<UnixMilliseconds>,
}

impl Account {
    /// Reads the body of the upstream's answer to a request for `requested`.
    ///
    /// The account object stands in a field named `data` or is the whole body: the upstream's documents
    /// and its SDKs differ there.
    ///
    /// # Errors
    /// What the upstream says of the account instead of its credentials, or what is wrong with the answer.
    pub fn from_response(body: &[u8], requested: &AccountId) -> Result<Self, Error> {
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
        Self::from_json(json.into(), requested)
    }

    /// Reads an account object.
    pub fn from_json(json: SecretString, requested: &AccountId) -> Result<Self, Error> {
        let account =
            Fields::parse(json.expose_secret()).ok_or(Error::MalformedResponse(Malformed::NotAnAccount))?;

        // An answer for another account under this one's key would hand out foreign credentials.
        if let Some(id) = string(&account, "id")?
            && id.expose_secret() != requested.as_str()
        {
            return Err(Error::MalformedResponse(Malformed::AnotherAccount));
        }

        let credentials = match account.get("credentials") {
            Some(json) => Some(Fields::parse(json).ok_or(malformed("credentials"))?),
            None => None,
        };
        let reason = || reason(&account, credentials.as_ref());
        if boolean(&account, "dead")? == Some(true) {
            return Err(Error::AccountDead { reason: reason() });
        }
        if boolean(&account, "healthy")? == Some(false) {
            return Err(Error::AccountUnhealthy { reason: reason() });
        }
        let credentials = credentials.filter(|fields| !fields.is_empty()).ok_or(Error::NoCredentials)?;

        let beside = time(&account, "expires_at")?;
        let inside = time(&credentials, "expires_at")?;
        let token = string(&credentials, "oauth_access_token")?;
        let app = account.get("app").and_then(Fields::parse);
        Ok(Self {
            app_slug: app.and_then(|app| plain(&app, "name_slug")),
            name: plain(&account, "name"),
            access_token: token.filter(|token| !token.expose_secret().is_empty()),
            fields: credentials.to_vec_without(None).ok_or(malformed("credentials"))?,
            account_fields: account
                .to_vec_without(Some("credentials"))
                .ok_or(Error::MalformedResponse(Malformed::NotAnAccount))?,
            // Where they disagree, the earlier one is the safe one.
            expires_at: beside.into_iter().chain(inside).min(),
            next_refresh_at: time(&account, "next_refresh_at")?,
            json,
        })
    }

    /// Whether a caller of this account can have authorized a request with `rejected`: the access token, or the
    /// value of any other field.
    pub fn uses(&self, rejected: &SecretString) -> bool {
        self.fields.iter().any(|field| match &field.value {
            FieldValue::Text(value) | FieldValue::Json(value) => secret::same(value, rejected),
        })
    }

    /// Whether a caller would authorize its requests with the same secret as with `other`.
    pub fn is_as_good_as(&self, other: &Self) -> bool {
        match (&self.access_token, &other.access_token) {
            (Some(token), Some(other)) => secret::same(token, other),
            (None, None) => credentials_of(&self.json) == credentials_of(&other.json),
            _ => false,
        }
    }
}

fn credentials_of(json: &SecretString) -> Option<&str> {
    Fields::parse(json.expose_secret())?.get("credentials")
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

/// A malformed time is an error, since reading it as 'never' would keep a dead token.
fn time(fields: &Fields<'_>, name: &'static str) -> Result<Option<UnixMilliseconds>, Error> {
    let Some(text) = string(fields, name)? else { return Ok(None) };
    UnixMilliseconds::parse(text.expose_secret()).ok_or(malformed(name)).map(Some)
}

/// A text that only describes: what is no text is left out here, and stays among the account's fields.
fn plain(fields: &Fields<'_>, name: &str) -> Option<String> {
    fields.get(name).and_then(fields::text).map(|text| text.expose_secret().to_owned())
}

/// The upstream's explanation, shortened: its text, or the message or code in it. Nothing says that it holds no
/// secret, since it may pass on what an app has answered. So words that look like one are taken out, and it is left
/// out whole if it repeats a value of the credentials.
fn reason(account: &Fields<'_>, credentials: Option<&Fields<'_>>) -> Option<String> {
    let error = account.get("error")?;
    let explained = fields::text(error).or_else(|| {
        let details = Fields::parse(error)?;
        details.get("message").or(details.get("code")).and_then(fields::text)
    })?;
    let explained = explained.expose_secret();
    let credentials = credentials.and_then(|fields| fields.to_vec_without(None)).unwrap_or_default();
    let repeats = credentials.iter().any(|field| match &field.value {
        // A shorter text is no secret, and could be part of any sentence.
        FieldValue::Text(text) => text.expose_secret().len() >= 6 && explained.contains(text.expose_secret()),
        FieldValue::Json(_) => false,
    });
    if repeats {
        return None;
    }
    let words = explained
        .split([' ', '\n', '\t'])
        .filter(|word| !word.is_empty())
        .map(|word| if looks_secret(word) { "[…]" } else { word });
    let words = words.collect::<Vec<_>>().join(" ");
    Some(words.chars().filter(|character| !character.is_control()).take(MAXIMUM_REASON).collect())
}

/// Whether a word could be a key or a token: long, and with a digit in it.
fn looks_secret(word: &str) -> bool {
    word.len() >= SHORTEST_SECRET && word.bytes().any(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests;
