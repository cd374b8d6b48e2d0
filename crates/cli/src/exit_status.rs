//! The exit statuses of the program.

use credwell_host::{CallError, Error, Remedy};

/// The exit status, named after what can be done about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ExitStatus {
    /// Every call succeeded.
    Success = 0,
    /// An error without a status of its own, or accounts that failed in different ways.
    Failed = 1,
    /// The command line, a setting or the API key has to change. clap exits with this number too.
    ChangeRequest = 2,
    /// The account has to change.
    ChangeAccount = 3,
    /// The same command can succeed later.
    RetryLater = 4,
}

/// The meaning of each status, for the help text and the documents.
pub(crate) const MEANINGS: [(ExitStatus, &str); 5] = [
    (ExitStatus::Success, "All was answered, or the server was told to end"),
    (ExitStatus::Failed, "Something else failed, or several accounts failed in different ways"),
    (ExitStatus::ChangeRequest, "The command line, a setting or the API key is wrong"),
    (
        ExitStatus::ChangeAccount,
        "The account is not found, forbidden, dead or without credentials: asking again doesn't help",
    ),
    (
        ExitStatus::RetryLater,
        "The upstream or the store is unreachable, slow, limiting or failing, or the account is unhealthy: \
         try later",
    ),
];

impl ExitStatus {
    /// The status for the error of one call.
    pub(crate) fn of(error: &CallError) -> Self {
        let CallError::Call(error) = error else { return Self::Failed };
        match (error, error.case().remedy()) {
            // A status below 500 is not an error of the server and does not go away by itself.
            (Error::UpstreamFailure(failure), _) if failure.status < 500 => Self::Failed,
            (_, Remedy::ChangeRequest) => Self::ChangeRequest,
            (_, Remedy::ChangeAccount) => Self::ChangeAccount,
            (_, Remedy::RetryLater) => Self::RetryLater,
            (_, Remedy::Report) => Self::Failed,
        }
    }

    /// The status for several calls: the status of all failed calls if it is the same, else
    /// [`ExitStatus::Failed`].
    pub(crate) fn combine(statuses: impl IntoIterator<Item = Self>) -> Self {
        let failed = statuses.into_iter().filter(|status| *status != Self::Success);
        failed.reduce(|one, other| if one == other { one } else { Self::Failed }).unwrap_or(Self::Success)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use credwell_host::{RateLimit, Refusal, Refused, UpstreamStatus};

    #[test]
    fn equal_failures_keep_their_status() {
        use ExitStatus::{ChangeAccount, Failed, RetryLater, Success};
        assert_eq!(ExitStatus::combine([]), Success);
        assert_eq!(ExitStatus::combine([Success, ChangeAccount, Success, ChangeAccount]), ChangeAccount);
        assert_eq!(ExitStatus::combine([ChangeAccount, Success, RetryLater]), Failed);
    }

    #[test]
    fn the_status_says_whether_asking_again_helps() {
        let text = String::new;
        let upstream =
            |status| Error::UpstreamFailure(UpstreamStatus { status, retry_after: None, message: text() });
        for (error, status) in [
            (
                Error::Unauthorized(Refusal { refused: Refused::ApiKey, message: text() }),
                ExitStatus::ChangeRequest,
            ),
            (Error::NotFound(text()), ExitStatus::ChangeAccount),
            (Error::RateLimited(RateLimit { retry_after: None, message: text() }), ExitStatus::RetryLater),
            (upstream(503), ExitStatus::RetryLater),
            (upstream(302), ExitStatus::Failed),
        ] {
            assert_eq!(ExitStatus::of(&CallError::Call(error.clone())), status, "{}", error.case().name());
        }
    }

    #[test]
    fn the_page_on_the_program_has_each_status() {
        let page = include_str!("../../../docs/program.md");
        for (status, meaning) in MEANINGS {
            let row = format!("| {} | {meaning} |", status as u8);
            assert!(page.contains(&row), "{row}");
        }
    }
}
