//! What the program ends with.

use credwell_host::{CallError, Error, Remedy};

/// The exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ExitStatus {
    /// Everything was answered.
    Good = 0,
    /// Something failed that none of the others is for, or accounts failed in different ways.
    Failed = 1,
    /// The command line or a setting is wrong. clap ends with this number too.
    Misused = 2,
    /// Asking again is of no use before the account has changed.
    Refused = 3,
    /// Asking again later may help.
    Later = 4,
}

/// Each status and its meaning, for the help text and the README.
pub(crate) const MEANINGS: [(ExitStatus, &str); 5] = [
    (ExitStatus::Good, "All was answered, or the server was told to end"),
    (ExitStatus::Failed, "Something else failed, or several accounts failed in different ways"),
    (ExitStatus::Misused, "The command line, a setting or the API key is wrong"),
    (
        ExitStatus::Refused,
        "The account is not found, forbidden, dead or without credentials: asking again doesn't help",
    ),
    (
        ExitStatus::Later,
        "The upstream or the store is unreachable, slow, limiting or failing, or the account is unhealthy: try later",
    ),
];

/// The meanings, a line each.
pub(crate) fn help() -> String {
    MEANINGS.iter().map(|(status, meaning)| format!("  {}  {meaning}\n", *status as u8)).collect()
}

impl ExitStatus {
    /// The status for one call that failed.
    pub(crate) fn of(error: &CallError) -> Self {
        let CallError::Call(error) = error else { return Self::Failed };
        match (error, error.case().remedy()) {
            // A status that is not a server's error does not go away by itself.
            (Error::UpstreamFailure(failure), _) if failure.status < 500 => Self::Failed,
            (_, Remedy::ChangeRequest) => Self::Misused,
            (_, Remedy::ChangeAccount) => Self::Refused,
            (_, Remedy::RetryLater) => Self::Later,
            (_, Remedy::Report) => Self::Failed,
        }
    }

    /// The status for several: that of all which failed, if they agree.
    pub(crate) fn together(statuses: impl IntoIterator<Item = Self>) -> Self {
        let failed = statuses.into_iter().filter(|status| *status != Self::Good);
        failed.reduce(|one, other| if one == other { one } else { Self::Failed }).unwrap_or(Self::Good)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use credwell_host::{RateLimit, UpstreamStatus};

    #[test]
    fn failures_that_agree_keep_their_status() {
        use ExitStatus::{Failed, Good, Later, Refused};
        assert_eq!(ExitStatus::together([]), Good);
        assert_eq!(ExitStatus::together([Good, Refused, Good, Refused]), Refused);
        assert_eq!(ExitStatus::together([Refused, Good, Later]), Failed);
    }

    #[test]
    fn the_status_says_whether_asking_again_helps() {
        let text = String::new;
        let upstream = |status| Error::UpstreamFailure(UpstreamStatus { status, message: text() });
        for (error, status) in [
            (Error::Unauthorized(text()), ExitStatus::Misused),
            (Error::NotFound(text()), ExitStatus::Refused),
            (Error::RateLimited(RateLimit { retry_after_seconds: None, message: text() }), ExitStatus::Later),
            (upstream(503), ExitStatus::Later),
            (upstream(302), ExitStatus::Failed),
        ] {
            assert_eq!(ExitStatus::of(&CallError::Call(error.clone())), status, "{}", error.case().name());
        }
    }

    #[test]
    fn the_readme_has_each_status() {
        let readme = include_str!("../../../README.md");
        for (status, meaning) in MEANINGS {
            let row = format!("| {} | {meaning} |", status as u8);
            assert!(readme.contains(&row), "{row}");
        }
    }
}
