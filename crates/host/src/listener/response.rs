//! The listener's responses: the broker's responses, and the listener's own problem documents.

use bytes::Bytes;
use credwell_core::broker::outcome::{OUTCOME_HEADER, Outcome, ProblemCode};
use credwell_core::broker::response::Response as CoreResponse;
use credwell_core::broker::route::{Action, Path, Route};
use credwell_core::secret::ExposeSecret;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;

/// A response whose body is in memory.
pub(crate) type BufferedResponse = Response<Full<Bytes>>;

/// A response without a body.
pub(crate) fn empty(status: StatusCode) -> BufferedResponse {
    let mut response = BufferedResponse::default();
    *response.status_mut() = status;
    response
}

/// A problem document (RFC 9457) in the broker's form, with the outcome in the internal header.
pub(super) fn problem(code: ProblemCode, detail: &str) -> BufferedResponse {
    let document = code.document(code.status(), detail);
    let mut response = Response::new(Full::new(Bytes::from(document)));
    *response.status_mut() = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(OUTCOME_HEADER, HeaderValue::from_static(code.name()));
    response
}

/// The response to a request for `/healthz`, which is the broker's response too. `None` if the request is for
/// another path.
pub(super) fn health<Body>(request: &Request<Body>) -> Option<BufferedResponse> {
    let (method, path) = (request.method().as_str(), request.uri().path());
    Path::parse(path).filter(|path| *path == Path::Health)?;
    Some(of_core(&match Route::find(method, path) {
        Ok(Route { action: Action::Options(allowed), .. }) => CoreResponse::options(allowed),
        Ok(Route { is_head: true, .. }) => CoreResponse::health().without_body(),
        Ok(_) => CoreResponse::health(),
        Err(problem) => CoreResponse::problem(&problem),
    }))
}

fn of_core(response: &CoreResponse) -> BufferedResponse {
    let body = Bytes::copy_from_slice(response.body.expose_secret());
    let mut buffered = Response::new(Full::new(body));
    *buffered.status_mut() =
        StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in &response.headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            buffered.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    buffered
}

/// Removes the internal header from a response and returns its outcome. A component that is not the broker
/// sends no such header. Then the status decides between `ok`, `refused` and `failed`.
pub(super) fn take_outcome(status: StatusCode, headers: &mut HeaderMap) -> &'static str {
    let value = headers.remove(OUTCOME_HEADER);
    let outcome = value.and_then(|value| Outcome::from_name(value.to_str().ok()?));
    match outcome {
        Some(outcome) => outcome.name(),
        None if status.is_server_error() => "failed",
        None if status.is_client_error() => "refused",
        None => Outcome::Ok.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome_of(status: u16, header: Option<&'static str>) -> &'static str {
        let status = StatusCode::from_u16(status).expect("a status");
        let mut headers = HeaderMap::new();
        if let Some(value) = header {
            headers.insert(OUTCOME_HEADER, HeaderValue::from_static(value));
        }
        let outcome = take_outcome(status, &mut headers);
        assert!(headers.is_empty(), "the header is internal");
        outcome
    }

    #[test]
    fn the_outcome_is_the_brokers_word() {
        for (status, word) in [(200, "hit"), (200, "miss"), (200, "refresh"), (204, "ok"), (404, "not-found")]
        {
            assert_eq!(outcome_of(status, Some(word)), word);
        }
    }

    #[test]
    fn without_a_word_of_the_broker_the_status_decides() {
        for header in [None, Some("xoxp-1 A")] {
            assert_eq!(outcome_of(200, header), "ok");
            assert_eq!(outcome_of(404, header), "refused");
            assert_eq!(outcome_of(502, header), "failed");
        }
    }

    #[test]
    fn a_problem_of_the_listener_names_its_outcome() {
        let mut response = problem(ProblemCode::Overloaded, "wait");
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        let status = response.status();
        assert_eq!(take_outcome(status, response.headers_mut()), "overloaded");
    }
}
