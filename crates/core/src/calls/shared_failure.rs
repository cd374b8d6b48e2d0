//! The shared failure: the leader's failed request, as an entry for the followers that wait for it. Later
//! calls ignore the entry and ask the upstream again, because the next request may succeed. The entry is in a
//! slot of the store (see [`CacheKey`](crate::cache::key::CacheKey)), and is written only if there are
//! followers.
//!
//! The entry's content is the name of the error case and the case's data, separated by spaces. This is status
//! 503 with a `Retry-After` of 7000 ms:
//!
//! ```text
//! upstream-failure 503 7000
//! ```

use crate::cache::entry::{Entry, Kind};
use crate::error::{Error, ErrorCase, Malformed, Refused};
use crate::ports::Phase;
use crate::secret::{ExposeSecret, SecretString};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::string::ToString;
use core::time::Duration;

const REFUSED: [(&str, Refused); 4] = [
    ("api-key", Refused::ApiKey),
    ("callers-key", Refused::CallersKey),
    ("oauth-client", Refused::OAuthClient),
    ("oauth-token", Refused::OAuthToken),
];

const PHASES: [(&str, Phase); 5] = [
    ("lookup", Phase::Lookup),
    ("connect", Phase::Connect),
    ("first-byte", Phase::FirstByte),
    ("between-bytes", Phase::BetweenBytes),
    ("deadline", Phase::Deadline),
];

const MALFORMED: [(&str, Malformed); 4] = [
    ("too-large", Malformed::TooLarge),
    ("not-json", Malformed::NotJson),
    ("not-an-account", Malformed::NotAnAccount),
    ("another-account", Malformed::AnotherAccount),
];

/// The content of the entry for a failure. None if the error is not a failure of the upstream.
pub(super) fn to_text(error: &Error) -> Option<SecretString> {
    let text = match error {
        Error::Unauthorized(refused) => word(&REFUSED, refused)?.to_owned(),
        Error::RateLimited { retry_after } => wait_text(*retry_after),
        Error::UpstreamFailure { status, retry_after } => {
            [&status.to_string(), " ", &wait_text(*retry_after)].concat()
        }
        Error::Unreachable(code) => code.clone(),
        Error::TimedOut(phase) => word(&PHASES, phase)?.to_owned(),
        Error::MalformedResponse(Malformed::Field(name)) => ["field ", name].concat(),
        Error::MalformedResponse(malformed) => word(&MALFORMED, malformed)?.to_owned(),
        Error::Forbidden | Error::NotFound | Error::NoCredentials => String::new(),
        Error::AccountDead { reason } | Error::AccountUnhealthy { reason } => {
            reason.clone().unwrap_or_default()
        }
        Error::InvalidAccountId | Error::Configuration(_) | Error::StoreFailure(_) => return None,
    };
    Some([error.case().name(), " ", &text].concat().into())
}

/// The failure that an entry holds. None if the entry is of another kind or malformed.
pub(super) fn error(entry: &Entry) -> Option<Error> {
    if entry.header.kind != Kind::Failed {
        return None;
    }
    let (name, text) = entry.content.expose_secret().split_once(' ')?;
    let case = ErrorCase::ALL.iter().find(|case| case.name() == name)?;
    let reason = || Some(text.to_owned()).filter(|reason| !reason.is_empty());
    Some(match case {
        ErrorCase::Unauthorized => Error::Unauthorized(meaning(&REFUSED, text)?),
        ErrorCase::RateLimited => Error::RateLimited { retry_after: parse_wait(text) },
        ErrorCase::UpstreamFailure => {
            let (status, wait) = text.split_once(' ')?;
            Error::UpstreamFailure { status: status.parse().ok()?, retry_after: parse_wait(wait) }
        }
        ErrorCase::Unreachable => Error::Unreachable(text.to_owned()),
        ErrorCase::TimedOut => Error::TimedOut(meaning(&PHASES, text)?),
        ErrorCase::MalformedResponse => Error::MalformedResponse(malformed(text)?),
        ErrorCase::Forbidden => Error::Forbidden,
        ErrorCase::NotFound => Error::NotFound,
        ErrorCase::NoCredentials => Error::NoCredentials,
        ErrorCase::AccountDead => Error::AccountDead { reason: reason() },
        ErrorCase::AccountUnhealthy => Error::AccountUnhealthy { reason: reason() },
        _ => return None,
    })
}

/// The names of the fields that can be malformed.
const FIELDS: [&str; 9] = [
    "id",
    "credentials",
    "dead",
    "healthy",
    "expires_at",
    "next_refresh_at",
    "oauth_access_token",
    "access_token",
    "expires_in",
];

fn malformed(text: &str) -> Option<Malformed> {
    let field = |name| FIELDS.into_iter().find(|known| *known == name).map(Malformed::Field);
    text.strip_prefix("field ").map_or_else(|| meaning(&MALFORMED, text), field)
}

fn word<T: PartialEq>(words: &[(&'static str, T)], meaning: &T) -> Option<&'static str> {
    words.iter().find(|(_, known)| known == meaning).map(|(word, _)| *word)
}

fn meaning<T: Copy>(words: &[(&str, T)], word: &str) -> Option<T> {
    words.iter().find(|(known, _)| *known == word).map(|(_, meaning)| *meaning)
}

/// A wait in milliseconds. Empty if there is none.
fn wait_text(wait: Option<Duration>) -> String {
    wait.map_or_else(String::new, |wait| wait.as_millis().to_string())
}

fn parse_wait(text: &str) -> Option<Duration> {
    text.parse().ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::entry::Header;
    use crate::timestamp::UnixMilliseconds;

    #[test]
    fn a_failure_is_read_back_from_its_entry() {
        let wait = Some(Duration::from_secs(7));
        for error in [
            Error::Unauthorized(Refused::OAuthToken),
            Error::RateLimited { retry_after: wait },
            Error::RateLimited { retry_after: None },
            Error::UpstreamFailure { status: 503, retry_after: wait },
            Error::UpstreamFailure { status: 302, retry_after: None },
            Error::Unreachable("DNS error".to_owned()),
            Error::TimedOut(Phase::FirstByte),
            Error::MalformedResponse(Malformed::NotJson),
            Error::MalformedResponse(Malformed::Field("expires_at")),
            Error::NoCredentials,
            Error::NotFound,
            Error::Forbidden,
            Error::AccountDead { reason: None },
            Error::AccountDead { reason: Some("revoked".to_owned()) },
            Error::AccountUnhealthy { reason: Some("try again".to_owned()) },
            Error::AccountUnhealthy { reason: None },
        ] {
            let content = to_text(&error).unwrap();
            let entry = Entry { header: Header::new(Kind::Failed, UnixMilliseconds(7)), content };
            assert_eq!(super::error(&entry), Some(error));
        }
    }

    #[test]
    fn other_errors_are_not_shared() {
        for error in [Error::InvalidAccountId, Error::StoreFailure(crate::ports::StoreError::Failed)] {
            assert!(to_text(&error).is_none(), "{error}");
        }
    }

    #[test]
    fn other_entries_are_not_failures() {
        let read = |kind, content: &str| {
            error(&Entry { header: Header::new(kind, UnixMilliseconds(0)), content: content.into() })
        };
        assert_eq!(read(Kind::Account, "no-credentials "), None);
        for content in [
            "",
            "no-credentials",
            "other ",
            "upstream-failure 503",
            "timed-out soon",
            "malformed-response field other",
        ] {
            assert_eq!(read(Kind::Failed, content), None, "{content}");
        }
    }
}
