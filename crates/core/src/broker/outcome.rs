//! The outcome of a request: one word for logs, metrics and the host.

use crate::error::ErrorCase;
use alloc::vec::Vec;

/// The header in which the broker tells the host the outcome of a request. The header is internal: the
/// listener of the host removes it. On other hosts the caller sees it, and learns no more than the rest of
/// the response says.
pub const OUTCOME_HEADER: &str = "credwell-outcome";

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The credentials came from the cache.
    Hit,
    /// The credentials came from the upstream, because the cache had no entry.
    Miss,
    /// The credentials came from the upstream, because the entry was stale, expired or rejected.
    Refresh,
    /// The request was answered without credentials.
    Ok,
    /// The response is a problem document.
    Problem(ProblemCode),
}

macro_rules! problem_codes {
    ($($(#[$doc:meta])* $code:ident = $name:literal, $status:literal;)*) => {
        /// The kind of a problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ProblemCode {
            $($(#[$doc])* $code,)*
            /// The call failed with an error of the WIT interface.
            Call(ErrorCase),
        }

        impl ProblemCode {
            /// Every kind of a problem that is not an error of a call.
            const OWN: &[Self] = &[$(Self::$code),*];

            /// The name, for programs and logs. It ends the problem's type.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$code => $name,)*
                    Self::Call(case) => case.name(),
                }
            }

            /// The status of the response.
            pub const fn status(self) -> u16 {
                match self {
                    $(Self::$code => $status,)*
                    Self::Call(case) => case.status(),
                }
            }
        }
    };
}

// A new problem is one line here. The first part is the broker's own, the second part the listener's in the
// host.
problem_codes! {
    /// The broker has no such path.
    NoSuchPath = "no-such-path", 404;
    /// The path does not take the method.
    NoSuchMethod = "no-such-method", 405;
    /// The request has no valid key or token.
    Unauthenticated = "unauthenticated", 401;
    /// The caller may not have the account.
    NotAllowed = "not-allowed", 403;
    /// The body is too large.
    RequestTooLarge = "request-too-large", 413;
    /// The body is not what the path takes.
    MalformedBody = "malformed-body", 400;
    /// The store can't read the counters.
    NoMetrics = "no-metrics", 503;

    /// The request is not HTTP/1.1 as RFC 9112 describes it.
    MalformedRequest = "malformed-request", 400;
    /// The body did not arrive in time.
    RequestTimedOut = "request-timed-out", 408;
    /// Too many requests are under way.
    Overloaded = "overloaded", 503;
    /// The audit log can't be written.
    AuditUnavailable = "audit-unavailable", 503;
    /// The broker failed.
    Internal = "internal", 500;
}

impl ProblemCode {
    /// The beginning of the type of every problem document (RFC 9457, section 3.1.1).
    pub const TYPE_PREFIX: &str = "urn:credwell:problem:";

    /// The problem document (RFC 9457). `status` is [`ProblemCode::status`], or 401 for a caller's own API
    /// key.
    pub fn document(self, status: u16, detail: &str) -> Vec<u8> {
        #[derive(serde::Serialize)]
        struct Document<'a> {
            r#type: &'a str,
            title: &'a str,
            status: u16,
            detail: &'a str,
        }

        let r#type = [Self::TYPE_PREFIX, self.name()].concat();
        let document = Document { r#type: &r#type, title: self.name(), status, detail };
        serde_json::to_vec(&document).unwrap_or_default()
    }
}

impl Outcome {
    /// The word for the outcome.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Refresh => "refresh",
            Self::Ok => "ok",
            Self::Problem(code) => code.name(),
        }
    }

    /// The outcome of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|outcome| outcome.name() == name)
    }

    /// Every outcome.
    pub fn all() -> impl Iterator<Item = Self> {
        let good = [Self::Hit, Self::Miss, Self::Refresh, Self::Ok].into_iter();
        let own = ProblemCode::OWN.iter().map(|code| Self::Problem(*code));
        let calls = ErrorCase::ALL.iter().map(|case| Self::Problem(ProblemCode::Call(*case)));
        good.chain(own).chain(calls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn each_name_stands_for_one_outcome() {
        let names: HashSet<_> = Outcome::all().map(Outcome::name).collect();
        assert_eq!(names.len(), Outcome::all().count());
        assert!(["hit", "ok", "overloaded", "not-found"].iter().all(|name| names.contains(name)));
        for outcome in Outcome::all() {
            assert_eq!(Outcome::from_name(outcome.name()), Some(outcome));
        }
        assert_eq!(Outcome::from_name("xoxp-1"), None);
    }

    #[test]
    fn a_problem_document_has_the_members_of_rfc_9457() {
        let document = ProblemCode::Overloaded.document(503, "wait");
        let expected =
            r#"{"type":"urn:credwell:problem:overloaded","title":"overloaded","status":503,"detail":"wait"}"#;
        assert_eq!(String::from_utf8(document).unwrap(), expected);
    }
}
