//! The shared failure: the leader's failed request, as an entry for the followers that wait for it. Later
//! calls ignore the entry and ask the upstream again, because the next request may succeed.
//!
//! The entry's content is the name of the error case and the case's data, separated by spaces. This is status
//! 503 with a `Retry-After` of 7000 ms:
//!
//! ```text
//! upstream-failure 503 7000
//! ```

use crate::cache::entry::{Entry, Header, Kind};
use crate::error::{Error, ErrorCase, Malformed, Refused};
use crate::ports::Phase;
use crate::secret::ExposeSecret;
use crate::timestamp::UnixMilliseconds;
use core::time::Duration;

const REFUSED: [(&str, Refused); 3] = [
    ("api-key", Refused::ApiKey),
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

/// The entry for a failure at `failed_at`. None if the error is not a failure of the upstream, if it is
/// cached for all calls ([`crate::cache::negative`]), or if the entry can't hold all of its data.
pub(super) fn entry(error: &Error, failed_at: UnixMilliseconds) -> Option<Entry> {
    let text = match error {
        Error::Unauthorized(refused) => word(&REFUSED, refused)?.to_owned(),
        Error::RateLimited { retry_after } => wait_text(*retry_after),
        Error::UpstreamFailure { status, retry_after } => {
            [&status.to_string(), " ", &wait_text(*retry_after)].concat()
        }
        Error::Unreachable(code) => code.clone(),
        Error::TimedOut(phase) => word(&PHASES, phase)?.to_owned(),
        Error::MalformedResponse(malformed) => word(&MALFORMED, malformed)?.to_owned(),
        Error::NoCredentials => String::new(),
        Error::AccountUnhealthy { reason } => reason.clone().unwrap_or_default(),
        _ => return None,
    };
    let header = Header {
        kind: Kind::Failed,
        fetched_at: failed_at,
        expires_at: None,
        next_refresh_at: None,
        backoff: None,
    };
    Some(Entry { header, content: [error.case().name(), " ", &text].concat().into() })
}

/// The failure that an entry holds. None if the entry is of another kind or malformed.
pub(super) fn error(entry: &Entry) -> Option<Error> {
    if entry.header.kind != Kind::Failed {
        return None;
    }
    let (name, text) = entry.content.expose_secret().split_once(' ')?;
    let case = ErrorCase::ALL.iter().find(|case| case.name() == name)?;
    Some(match case {
        ErrorCase::Unauthorized => Error::Unauthorized(meaning(&REFUSED, text)?),
        ErrorCase::RateLimited => Error::RateLimited { retry_after: parse_wait(text) },
        ErrorCase::UpstreamFailure => {
            let (status, wait) = text.split_once(' ')?;
            Error::UpstreamFailure { status: status.parse().ok()?, retry_after: parse_wait(wait) }
        }
        ErrorCase::Unreachable => Error::Unreachable(text.to_owned()),
        ErrorCase::TimedOut => Error::TimedOut(meaning(&PHASES, text)?),
        ErrorCase::MalformedResponse => Error::MalformedResponse(meaning(&MALFORMED, text)?),
        ErrorCase::NoCredentials => Error::NoCredentials,
        ErrorCase::AccountUnhealthy => {
            Error::AccountUnhealthy { reason: Some(text.to_owned()).filter(|reason| !reason.is_empty()) }
        }
        _ => return None,
    })
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
            Error::NoCredentials,
            Error::AccountUnhealthy { reason: Some("try again".to_owned()) },
            Error::AccountUnhealthy { reason: None },
        ] {
            let entry = entry(&error, UnixMilliseconds(7)).unwrap();
            assert_eq!(super::error(&entry), Some(error));
        }
    }

    #[test]
    fn other_errors_are_not_shared() {
        for error in [
            Error::InvalidAccountId,
            Error::NotFound,
            Error::Forbidden,
            Error::AccountDead { reason: None },
            Error::MalformedResponse(Malformed::Field("expires_at")),
        ] {
            assert!(entry(&error, UnixMilliseconds(7)).is_none(), "{error}");
        }
    }

    #[test]
    fn other_entries_are_not_failures() {
        let read = |kind, content: &str| {
            let header = Header {
                kind,
                fetched_at: UnixMilliseconds(0),
                expires_at: None,
                next_refresh_at: None,
                backoff: None,
            };
            error(&Entry { header, content: content.into() })
        };
        assert_eq!(read(Kind::Account, "no-credentials "), None);
        for content in ["", "no-credentials", "other ", "upstream-failure 503", "timed-out soon"] {
            assert_eq!(read(Kind::Failed, content), None, "{content}");
        }
    }
}
