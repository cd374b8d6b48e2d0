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

use super::backoff::{Backoff, Cause, after_failure};
use super::freshness::Times;
use crate::error::Error;
use crate::secret::{ExposeSecret, SecretSlice, SecretString};
use crate::timestamp::UnixMilliseconds;

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
        Self { kind, fetched_at, first_fetched_at, expires_at: None, next_refresh_at: None, backoff: None }
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
    pub fn from_text(text: &SecretSlice<u8>) -> Option<Self> {
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
        };
        if let Some(word) = words.next() {
            header.first_fetched_at = parse_time(word)??;
        }
        words.next().is_none().then(|| Self { header, content: content.into() })
    }
}

/// The text of an entry with this header and content.
pub fn to_text(header: &Header, content: &SecretString) -> SecretSlice<u8> {
    let Header { kind, fetched_at, first_fetched_at, expires_at, next_refresh_at, backoff } = header;
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_written_entry_is_read_back(
            fetched_at: i64,
            first_fetched_at: Option<i64>,
            expires_at: Option<i64>,
            next: Option<i64>,
            count: Option<u32>,
            content in "(?s).{0,64}"
        ) {
            let header = Header {
                kind: Kind::Account,
                fetched_at: UnixMilliseconds(fetched_at),
                first_fetched_at: UnixMilliseconds(first_fetched_at.unwrap_or(fetched_at)),
                expires_at: expires_at.map(UnixMilliseconds),
                next_refresh_at: next.map(UnixMilliseconds),
                backoff: count.map(|count| Backoff {
                    cause: Cause::Unchanged,
                    count,
                    retry_at: UnixMilliseconds(fetched_at),
                }),
            };
            let read = Entry::from_text(&to_text(&header, &content.as_str().into())).unwrap();
            prop_assert_eq!(read.header, header);
            prop_assert_eq!(read.content.expose_secret(), content);
        }

        #[test]
        fn no_text_panics(text in prop::collection::vec(any::<u8>(), 0..128)) {
            let _ = Entry::from_text(&text.into());
        }
    }

    /// Entries outlive the program that wrote them, so the words stay the same.
    #[test]
    fn each_kind_and_each_cause_has_its_word() {
        let kinds = ["account", "token", "not-found", "forbidden", "dead", "failed", "held-off", "removed"];
        for (kind, word) in Kind::ALL.into_iter().zip(kinds) {
            let header = Header::new(kind, UnixMilliseconds(7));
            let text = to_text(&header, &"a".into());
            assert_eq!(text.expose_secret(), format!("{word} 7 - - -\na").as_bytes());
            assert_eq!(Entry::from_text(&text).unwrap().header, header);
        }
        for (cause, word) in Cause::ALL.into_iter().zip(["failed", "unchanged", "rejected"]) {
            let text = format!("account 7 - - {word} 2 9\n").into_bytes();
            let backoff = Backoff { cause, count: 2, retry_at: UnixMilliseconds(9) };
            assert_eq!(Entry::from_text(&text.into()).unwrap().header.backoff, Some(backoff));
        }
    }

    #[test]
    fn a_failed_refresh_is_backed_off_for_the_wait_of_the_upstream() {
        let mut header = Header::new(Kind::Account, UnixMilliseconds(0));
        let wait = Some(core::time::Duration::from_secs(7));
        header.back_off(&Error::RateLimited { retry_after: wait }, UnixMilliseconds(1_000));
        let backoff = Backoff { cause: Cause::Failed, count: 1, retry_at: UnixMilliseconds(8_000) };
        assert_eq!(header.times().backoff, Some(backoff));
        header.back_off(&Error::NotFound, UnixMilliseconds(8_000));
        let backoff = Backoff { cause: Cause::Failed, count: 2, retry_at: UnixMilliseconds(10_000) };
        assert_eq!(header.backoff, Some(backoff));
    }

    #[test]
    fn foreign_texts_are_no_entries() {
        for text in [
            "",
            "\n",
            "account 0 - - -",
            "other 0 - - -\n",
            "account - - - -\n",
            "account 0 - -\n",
            "account 0 - - - -\n",
            "account 0 - - - \n",
            "account 0 - - failed\n",
            "account 0 - - failed 1\n",
            "account 0 - - failed -1 0\n",
            "account 0 - - failed 1 -\n",
            "account 0 soon - -\n",
            "account  0 - - -\n",
            "account 0 - - - soon\n",
            "account 0 - - - 1 2\n",
        ] {
            assert!(Entry::from_text(&text.as_bytes().to_vec().into()).is_none(), "{text}");
        }
    }
}
