//! The broker's response to a request.

use super::outcome::{OUTCOME_HEADER, Outcome};
use super::problem::Problem;
use crate::calls::credentials::{Credentials, Source, Warning};
use crate::error::WarningCase;
use crate::secret::{ExposeSecret, SecretSlice};
use crate::timestamp::UnixMilliseconds;
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::string::ToString;
use alloc::vec::Vec;

/// A response to a caller.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case, and their values.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: SecretSlice<u8>,
    /// What became of the request.
    pub outcome: Outcome,
    /// The warnings about the credentials.
    pub warnings: Vec<WarningCase>,
}

impl Response {
    /// The account object as the upstream gives it, in its envelope `data`. There is no `ETag`: an entity tag
    /// would be a fingerprint of the secret.
    pub fn credentials(credentials: &Credentials, is_forced: bool, now: UnixMilliseconds) -> Self {
        let account = credentials.account_json.expose_secret();
        let age = now.since(credentials.fetched_at).as_secs();
        let outcome = match credentials.source {
            Source::Cache => Outcome::Hit,
            Source::Upstream if is_forced || credentials.is_renewed => Outcome::Refresh,
            Source::Upstream => Outcome::Miss,
        };
        let body = [r#"{"data":"#, account, "}"].concat().into_bytes();
        let mut response = Self::new(200, "application/json", body, outcome)
            .with("age", age.to_string())
            .with("cache-status", cache_status(credentials, is_forced, now));
        response.warnings = credentials.warnings.iter().map(Warning::case).collect();
        response
    }

    /// The response after the entry was removed.
    pub fn removed() -> Self {
        Self::empty(no_store())
    }

    /// The response of a running broker. The upstream is not asked.
    pub fn health() -> Self {
        Self::new(200, "application/json", br#"{"status":"ok"}"#.to_vec(), Outcome::Ok)
    }

    /// The counters, in Prometheus's text format, version 0.0.4.
    pub fn metrics(text: String) -> Self {
        Self::new(200, "text/plain; version=0.0.4; charset=utf-8", text.into_bytes(), Outcome::Ok)
    }

    /// The methods of a path.
    pub fn options(allowed: &str) -> Self {
        Self::empty(("allow", allowed.to_owned()))
    }

    /// A problem document (RFC 9457).
    pub fn problem(problem: &Problem) -> Self {
        let body = problem.code().document(problem.status(), &problem.detail());
        let outcome = Outcome::Problem(problem.code());
        let mut response = Self::new(problem.status(), "application/problem+json", body, outcome);
        if problem.status() == 401 {
            // RFC 9110, section 15.5.2, asks for it.
            response = response.with("www-authenticate", "Bearer".to_owned());
        }
        if let Problem::NoSuchMethod { allowed } = problem {
            response = response.with("allow", (*allowed).to_owned());
        }
        match problem.retry_after() {
            Some(seconds) => response.with("retry-after", seconds.to_string()),
            None => response,
        }
    }

    /// The response to `HEAD`: no body and no `Content-Length` (RFC 9110, section 9.3.2).
    #[must_use]
    pub fn without_body(self) -> Self {
        let headers = self.headers.into_iter().filter(|(name, _)| *name != "content-length").collect();
        Self { body: SecretSlice::default(), headers, ..self }
    }

    fn new(status: u16, content_type: &str, body: Vec<u8>, outcome: Outcome) -> Self {
        let length = body.len().to_string();
        let headers = vec![
            no_store(),
            ("content-type", content_type.to_owned()),
            ("content-length", length),
            outcome_header(outcome),
        ];
        Self { status, headers, body: body.into(), outcome, warnings: Vec::new() }
    }

    fn empty(header: (&'static str, String)) -> Self {
        let body = SecretSlice::default();
        let headers = vec![header, outcome_header(Outcome::Ok)];
        Self { status: 204, headers, body, outcome: Outcome::Ok, warnings: Vec::new() }
    }

    fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// Tells the host the outcome, which a response to `HEAD` has in no other place.
fn outcome_header(outcome: Outcome) -> (&'static str, String) {
    (OUTCOME_HEADER, outcome.name().to_owned())
}

/// Forbids every cache on the way to keep the response (RFC 9111, section 5.2.2.5).
fn no_store() -> (&'static str, String) {
    ("cache-control", "no-store".to_owned())
}

/// The header `Cache-Status`: where the credentials came from (RFC 9211). Its `ttl` is the time until the
/// broker would refresh the credentials. It has one `detail`, because of a repeated parameter only the last
/// one counts (RFC 9651, section 4.2.3.2).
fn cache_status(credentials: &Credentials, is_forced: bool, now: UnixMilliseconds) -> String {
    let mut status = match (credentials.source, is_forced) {
        (Source::Cache, _) => "credwell; hit".to_owned(),
        (Source::Upstream, true) => "credwell; fwd=request".to_owned(),
        (Source::Upstream, false) if credentials.is_renewed => "credwell; fwd=stale".to_owned(),
        (Source::Upstream, false) => "credwell; fwd=miss".to_owned(),
    };
    if let Some(fresh_until) = credentials.fresh_until {
        status.push_str("; ttl=");
        status.push_str(&fresh_until.since(now).as_secs().to_string());
    }
    let mut details: Vec<_> = credentials.warnings.iter().map(|warning| warning.case().name()).collect();
    details.dedup();
    match details.as_slice() {
        [] => {}
        [detail] => status.push_str(&["; detail=", detail].concat()),
        details => status.push_str(&["; detail=\"", &details.join(", "), "\""].concat()),
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account_id::AccountId;
    use crate::cache::entry::{Header, Kind};
    use core::time::Duration;

    fn credentials(warnings: Vec<Warning>) -> Credentials {
        let id = AccountId::parse("apn_a").unwrap();
        let header = Header::new(Kind::Account, UnixMilliseconds(0));
        let fresh_until = Some(UnixMilliseconds(60_999));
        let credentials = Credentials::new(id, "{}".into(), &header, Source::Cache, fresh_until);
        Credentials { warnings, expires_at: Some(UnixMilliseconds(3_600_000)), ..credentials }
    }

    #[test]
    fn the_ttl_is_the_remaining_freshness() {
        let status = |now| cache_status(&credentials(Vec::new()), false, UnixMilliseconds(now));
        assert_eq!(status(0), "credwell; hit; ttl=60");
        assert_eq!(status(60_000), "credwell; hit; ttl=0");
        assert_eq!(status(70_000), "credwell; hit; ttl=0");
    }

    #[test]
    fn several_warnings_make_one_detail() {
        let detail = |warnings| {
            let status = cache_status(&credentials(warnings), false, UnixMilliseconds(0));
            status.split_once("ttl=60").map(|(_, detail)| detail.to_owned()).unwrap()
        };
        let deferred = || Warning::RefreshDeferred(Duration::from_secs(1));
        assert_eq!(detail(vec![]), "");
        assert_eq!(detail(vec![Warning::AlreadyExpired]), "; detail=already-expired");
        assert_eq!(
            detail(vec![Warning::AlreadyExpired, Warning::AlreadyExpired]),
            "; detail=already-expired"
        );
        let name = deferred().case().name();
        assert_eq!(
            detail(vec![deferred(), Warning::AlreadyExpired]),
            format!("; detail=\"{name}, already-expired\"")
        );
    }
}
