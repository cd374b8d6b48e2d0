//! The negative entry: a failure of the account itself that the upstream reported, cached for all calls.
//!
//! An account that is missing, forbidden or dead stays so for a while. A failure of authorization or
//! transport says nothing about the account, and is never cached here.

use crate::cache::entry::{Entry, Header, Kind};
use crate::error::Error;
use crate::secret::ExposeSecret;
use crate::timestamp::UnixMilliseconds;
use alloc::borrow::ToOwned;

/// The error that an entry holds. None if the entry is of another kind.
pub fn error(entry: &Entry) -> Option<Error> {
    let reason = Some(entry.content.expose_secret()).filter(|reason| !reason.is_empty());
    match entry.header.kind {
        Kind::Account | Kind::Token | Kind::Failed | Kind::HeldOff | Kind::Removed => None,
        Kind::NotFound => Some(Error::NotFound),
        Kind::Forbidden => Some(Error::Forbidden),
        Kind::Dead => Some(Error::AccountDead { reason: reason.map(str::to_owned) }),
    }
}

/// The entry for an error. None if the error is not a lasting failure of the account.
pub fn entry(error: &Error, fetched_at: UnixMilliseconds) -> Option<Entry> {
    let (kind, reason) = match error {
        Error::NotFound => (Kind::NotFound, ""),
        Error::Forbidden => (Kind::Forbidden, ""),
        Error::AccountDead { reason } => (Kind::Dead, reason.as_deref().unwrap_or_default()),
        _ => return None,
    };
    Some(Entry { header: Header::new(kind, fetched_at), content: reason.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Refused;

    #[test]
    fn an_error_is_read_back_from_its_entry() {
        let reason = Some("revoked".to_owned());
        for error in [
            Error::NotFound,
            Error::Forbidden,
            Error::AccountDead { reason },
            Error::AccountDead { reason: None },
        ] {
            let entry = entry(&error, UnixMilliseconds(7)).unwrap();
            assert_eq!(super::error(&entry), Some(error));
        }
    }

    #[test]
    fn other_errors_have_no_entry() {
        for error in [
            Error::AccountUnhealthy { reason: None },
            Error::Unauthorized(Refused::ApiKey),
            Error::RateLimited { retry_after: None },
            Error::UpstreamFailure { status: 500, retry_after: None },
            Error::Unreachable(String::new()),
            Error::NoCredentials,
        ] {
            assert!(entry(&error, UnixMilliseconds(7)).is_none(), "{error}");
        }
    }
}
