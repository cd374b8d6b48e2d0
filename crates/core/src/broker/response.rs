//! What goes back to the caller.

use super::problem::Problem;
use crate::calls::credentials::{Credentials, Source, Warning};
use crate::secret::{ExposeSecret, SecretSlice};
use crate::timestamp::UnixMilliseconds;

/// A response.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case, and their values.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: SecretSlice<u8>,
    /// What came of the request, in one word for logs and metrics: `hit`, `miss`, `refresh`, `ok`, or a problem's code.
    pub outcome: &'static str,
    /// The codes of the warnings.
    pub warnings: Vec<&'static str>,
}

impl Response {
    /// The account as the upstream gives it, in its envelope, and where it came from. There is no `ETag`: it would
    /// be a fingerprint of the secret.
    pub fn credentials(credentials: &Credentials, is_forced: bool, now: UnixMilliseconds) -> Self {
        let account = credentials.account_json.expose_secret();
        let age = now.since(credentials.fetched_at).as_secs();
        let outcome = match credentials.source {
            Source::Cache => "hit",
            Source::Upstream if is_forced || credentials.is_renewed => "refresh",
            Source::Upstream => "miss",
        };
        let body = [r#"{"data":"#, account, "}"].concat().into_bytes();
        let mut answer = Self::new(200, "application/json", body, outcome)
            .with("age", age.to_string())
            .with("cache-status", cache_status(credentials, is_forced, now));
        answer.warnings = credentials.warnings.iter().map(Warning::code).collect();
        answer
    }

    /// The entry is gone.
    pub fn removed() -> Self {
        Self::empty(no_store())
    }

    /// The broker runs. It says nothing of the upstream, which isn't asked.
    pub fn health() -> Self {
        Self::new(200, "application/json", br#"{"status":"ok"}"#.to_vec(), "ok")
    }

    /// What was counted, in Prometheus's text format, version 0.0.4.
    pub fn metrics(text: String) -> Self {
        Self::new(200, "text/plain; version=0.0.4; charset=utf-8", text.into_bytes(), "ok")
    }

    /// The methods of a path.
    pub fn options(allowed: &str) -> Self {
        Self::empty(("allow", allowed.to_owned()))
    }

    /// A problem document (RFC 9457).
    pub fn problem(problem: &Problem) -> Self {
        #[derive(serde::Serialize)]
        struct Document<'a> {
            r#type: &'a str,
            title: &'a str,
            status: u16,
            detail: &'a str,
        }

        let (code, detail) = (problem.code(), problem.detail());
        let r#type = ["urn:credwell:problem:", code].concat();
        let document = Document { r#type: &r#type, title: code, status: problem.status(), detail: &detail };
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut answer = Self::new(problem.status(), "application/problem+json", body, code);
        if problem.status() == 401 {
            // RFC 9110, section 15.5.2, asks for it.
            answer = answer.with("www-authenticate", "Bearer".to_owned());
        }
        if let Problem::NoSuchMethod { allowed } = problem {
            answer = answer.with("allow", (*allowed).to_owned());
        }
        match problem.retry_after() {
            Some(seconds) => answer.with("retry-after", seconds.to_string()),
            None => answer,
        }
    }

    /// The answer to `HEAD`.
    #[must_use]
    pub fn without_body(self) -> Self {
        let headers = self.headers.into_iter().filter(|(name, _)| *name != "content-length").collect();
        Self { body: SecretSlice::default(), headers, ..self }
    }

    fn new(status: u16, content_type: &str, body: Vec<u8>, outcome: &'static str) -> Self {
        let length = body.len().to_string();
        let headers = vec![no_store(), ("content-type", content_type.to_owned()), ("content-length", length)];
        Self { status, headers, body: body.into(), outcome, warnings: Vec::new() }
    }

    fn empty(header: (&'static str, String)) -> Self {
        let body = SecretSlice::default();
        Self { status: 204, headers: vec![header], body, outcome: "ok", warnings: Vec::new() }
    }

    fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// RFC 9111, section 5.2.2.5: nobody on the way may keep a secret.
fn no_store() -> (&'static str, String) {
    ("cache-control", "no-store".to_owned())
}

/// Where an answer came from (RFC 9211).
fn cache_status(credentials: &Credentials, is_forced: bool, now: UnixMilliseconds) -> String {
    let mut status = match (credentials.source, is_forced) {
        (Source::Cache, _) => "credwell; hit".to_owned(),
        (Source::Upstream, true) => "credwell; fwd=request".to_owned(),
        (Source::Upstream, false) if credentials.is_renewed => "credwell; fwd=stale".to_owned(),
        (Source::Upstream, false) => "credwell; fwd=miss".to_owned(),
    };
    if let Some(expires_at) = credentials.expires_at {
        status.push_str("; ttl=");
        status.push_str(&expires_at.since(now).as_secs().to_string());
    }
    for warning in &credentials.warnings {
        status.push_str("; detail=");
        status.push_str(warning.code());
    }
    status
}
