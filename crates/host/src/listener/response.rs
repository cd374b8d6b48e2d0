//! What goes back to a caller.

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

pub(crate) type BufferedResponse = Response<Full<Bytes>>;

/// How the broker's problem documents, and those from here, name their types.
const PROBLEM: &str = "urn:credwell:problem:";

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> BufferedResponse {
    let mut answer = BufferedResponse::default();
    *answer.status_mut() = status;
    answer
}

/// A problem document (RFC 9457) like the broker's own.
pub(super) fn problem(status: StatusCode, code: &str, detail: &str) -> BufferedResponse {
    let document = json!({
        "type": format!("{PROBLEM}{code}"),
        "title": code,
        "status": status.as_u16(),
        "detail": detail,
    });
    let mut answer = Response::new(Full::new(Bytes::from(document.to_string())));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// What came of a request, in one word: `hit`, `miss` or `refresh` from `Cache-Status` (RFC 9211), `ok` for other good
/// answers, or the code of the problem. An answer to `HEAD` has no document: then it is `refused` or `failed`.
pub(super) fn outcome(status: StatusCode, headers: &http::HeaderMap, body: &[u8]) -> String {
    if status.is_success() {
        let cache_status = headers.get("cache-status").and_then(|value| value.to_str().ok());
        let mut parameters = cache_status.unwrap_or_default().split(';').map(str::trim).skip(1);
        return match parameters.next() {
            Some("hit") => "hit".to_owned(),
            Some("fwd=miss") => "miss".to_owned(),
            Some("fwd=request" | "fwd=stale") => "refresh".to_owned(),
            _ => "ok".to_owned(),
        };
    }
    problem_code(body).unwrap_or_else(|| {
        let word = if status.is_server_error() { "failed" } else { "refused" };
        word.to_owned()
    })
}

fn problem_code(body: &[u8]) -> Option<String> {
    let document: Value = serde_json::from_slice(body).ok()?;
    let code = document["type"].as_str()?.strip_prefix(PROBLEM)?;
    // It goes into logs, so it has to look like a code, whatever component has given it.
    let is_code = !code.is_empty()
        && code.len() <= 32
        && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    is_code.then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome_of(status: u16, cache_status: &'static str, body: &str) -> String {
        let headers =
            [(http::HeaderName::from_static("cache-status"), HeaderValue::from_static(cache_status))];
        let status = StatusCode::from_u16(status).expect("a status");
        outcome(status, &headers.into_iter().collect(), body.as_bytes())
    }

    #[test]
    fn a_good_answer_tells_where_it_came_from() {
        assert_eq!(outcome_of(200, "credwell; hit; ttl=3", "{}"), "hit");
        assert_eq!(outcome_of(200, "credwell; fwd=miss", "{}"), "miss");
        assert_eq!(outcome_of(200, "credwell; fwd=request; ttl=3", "{}"), "refresh");
        assert_eq!(outcome_of(200, "credwell; fwd=stale", "{}"), "refresh");
        assert_eq!(outcome_of(204, "", ""), "ok");
    }

    #[test]
    fn another_answer_tells_its_problem_if_it_has_one() {
        let problem = |code: &str| json!({"type": format!("{PROBLEM}{code}")}).to_string();
        assert_eq!(outcome_of(404, "", &problem("not-found")), "not-found");
        assert_eq!(outcome_of(404, "", &problem("xoxp-1 A")), "refused");
        assert_eq!(outcome_of(404, "", ""), "refused");
        assert_eq!(outcome_of(502, "", "[]"), "failed");
    }
}
