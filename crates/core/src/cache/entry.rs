//! The cache entry: a header with times, and the content that came from the upstream.
//!
//! The text of an entry is one line of words for the header, and then the content as the upstream sent it:
//!
//! ```text
//! account 1767225600000 1767229200000 - unchanged 1 1767225605000 1767222000000
//! {"id": "apn_EOhwvQr", "credentials": {…}}
//! ```
//!
//! | word | |
//! |---|---|
//! | kind | `account`, `token`, `not-found`, `forbidden`, `dead`, `failed`, `held-off` or `removed` |
//! | `fetched_at` | in Unix milliseconds |
//! | `expires_at` | in Unix milliseconds, or `-` for none |
//! | `next_refresh_at` | in Unix milliseconds, or `-` for none |
//! | backoff | its cause, count and `retry_at` in Unix milliseconds, three words; or one `-` for none |
//! | `first_fetched_at` | in Unix milliseconds; left out if it is the same as `fetched_at` |
//! | ignored fields | `ignored:` and names with commas between them; left out if there are none |

use super::backoff::{Backoff, Cause, after_failure};
use super::freshness::Times;
use crate::error::Error;
use crate::secret::{ExposeSecret, SecretSlice, SecretString};
use crate::timestamp::UnixMilliseconds;
use crate::upstream::account::OPTIONAL_FIELDS;
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::string::ToString;
use alloc::vec::Vec;

/// The beginning of the word for ignored fields.
const IGNORED: &str = "ignored:";

/// A cached response of the upstream.
#[derive(Debug)]
pub struct Entry {
    /// The kind of the content, and its times.
    pub header: Header,
    /// The account's JSON, the token, or the reason of a failure.
    pub content: SecretString,
}

/// The header of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The kind of the content.
    pub kind: Kind,
    /// When the call that fetched the content sent its request.
    pub fetched_at: UnixMilliseconds,
    /// When the call that was the first to fetch this token sent its request. Later calls can fetch the same
    /// token again.
    pub first_fetched_at: UnixMilliseconds,
    /// When the content expires.
    pub expires_at: Option<UnixMilliseconds>,
    /// When the upstream refreshes the account's token, which can revoke the present one.
    pub next_refresh_at: Option<UnixMilliseconds>,
    /// The backoff after a refresh that brought nothing new.
    pub backoff: Option<Backoff>,
    /// The optional fields of the account that are ignored: see [`OPTIONAL_FIELDS`].
    pub ignored_fields: Vec<&'static str>,
}

/// The kind of an entry's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The account object.
    Account,
    /// The OAuth client's own access token.
    Token,
    /// The upstream answered 404.
    NotFound,
    /// The upstream answered 403.
    Forbidden,
    /// The upstream reported the account as dead.
    Dead,
    /// The request failed: see `calls::shared_failure`.
    Failed,
    /// The upstream wants no requests until `expires_at`: see `calls::hold_off`.
    HeldOff,
    /// A caller has removed the entry. Without this tombstone, a call that began before could write the entry
    /// back.
    Removed,
}

impl Header {
    /// The header of an entry that has no times but this one.
    pub fn new(kind: Kind, fetched_at: UnixMilliseconds) -> Self {
        let first_fetched_at = fetched_at;
        Self {
            kind,
            fetched_at,
            first_fetched_at,
            expires_at: None,
            next_refresh_at: None,
            backoff: None,
            ignored_fields: Vec::new(),
        }
    }

    /// Backs the next refresh off after one that failed with `error`.
    pub fn back_off(&mut self, error: &Error, now: UnixMilliseconds) {
        let wait = |count| after_failure(count, error.retry_after());
        self.backoff = Some(Backoff::after(self.backoff, Cause::Failed, now, &wait));
    }

    /// The times that decide on the entry's freshness.
    pub fn times(&self) -> Times {
        Times {
            fetched_at: self.fetched_at,
            first_fetched_at: self.first_fetched_at,
            expires_at: self.expires_at,
            next_refresh_at: self.next_refresh_at,
            backoff: self.backoff,
        }
    }
}

impl Entry {
    /// Reads the text of an entry. None if `text` is anything else.
    pub fn from_text(text: &impl ExposeSecret<[u8]>) -> Option<Self> {
        let (header, content) = core::str::from_utf8(text.expose_secret()).ok()?.split_once('\n')?;
        let mut words = header.split(' ');
        let kind = words.next()?;
        let fetched_at = parse_time(words.next()?)??;
        let mut header = Header {
            kind: Kind::ALL.into_iter().find(|known| known.word() == kind)?,
            fetched_at,
            first_fetched_at: fetched_at,
            expires_at: parse_time(words.next()?)?,
            next_refresh_at: parse_time(words.next()?)?,
            backoff: match words.next()? {
                "-" => None,
                word => Some(Backoff {
                    cause: Cause::ALL.into_iter().find(|cause| cause.word() == word)?,
                    count: words.next()?.parse().ok()?,
                    retry_at: parse_time(words.next()?)??,
                }),
            },
            ignored_fields: Vec::new(),
        };
        let mut word = words.next();
        if let Some(time) = word.filter(|word| !word.starts_with(IGNORED)) {
            header.first_fetched_at = parse_time(time)??;
            word = words.next();
        }
        if let Some(word) = word {
            for name in word.strip_prefix(IGNORED)?.split(',') {
                header.ignored_fields.push(OPTIONAL_FIELDS.into_iter().find(|known| *known == name)?);
            }
        }
        words.next().is_none().then(|| Self { header, content: content.into() })
    }
}

/// The text of an entry with this header and content.
pub fn to_text(header: &Header, content: &SecretString) -> SecretSlice<u8> {
    let Header { kind, fetched_at, first_fetched_at, expires_at, next_refresh_at, backoff, ignored_fields } =
        header;
    let backoff = backoff.map(|Backoff { cause, count, retry_at }| {
        [cause.word(), &count.to_string(), &retry_at.0.to_string()].join(" ")
    });
    let mut words = vec![
        kind.word().to_owned(),
        fetched_at.0.to_string(),
        expires_at.map_or_else(absent, |time| time.0.to_string()),
        next_refresh_at.map_or_else(absent, |time| time.0.to_string()),
        backoff.unwrap_or_else(absent),
    ];
    if first_fetched_at != fetched_at {
        words.push(first_fetched_at.0.to_string());
    }
    if !ignored_fields.is_empty() {
        words.push([IGNORED, &ignored_fields.join(",")].concat());
    }
    [words.join(" ").as_bytes(), b"\n", content.expose_secret().as_bytes()].concat().into()
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Account,
        Self::Token,
        Self::NotFound,
        Self::Forbidden,
        Self::Dead,
        Self::Failed,
        Self::HeldOff,
        Self::Removed,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Token => "token",
            Self::NotFound => "not-found",
            Self::Forbidden => "forbidden",
            Self::Dead => "dead",
            Self::Failed => "failed",
            Self::HeldOff => "held-off",
            Self::Removed => "removed",
        }
    }
}

fn absent() -> String {
    "-".to_owned()
}

/// Reads a time, or `-` for none. The outer option is None if the word is neither.
#[expect(clippy::option_option, reason = "a word can be malformed, absent, or a time")]
fn parse_time(word: &str) -> Option<Option<UnixMilliseconds>> {
    match word {
        "-" => Some(None),
        number => number.parse().ok().map(|number| Some(UnixMilliseconds(number))),
    }
}

#[cfg(test)]
mod tests;
