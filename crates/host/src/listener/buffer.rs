//! The buffering of requests: the listener reads a request to its end before it starts an instance.

use super::response::{BufferedResponse, problem};
use bytes::Bytes;
use credwell_core::broker::outcome::ProblemCode;
use http::{Request, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use std::time::Duration;
use tokio::time::timeout;

/// The largest body that is kept in memory, in bytes. The broker itself accepts less.
const BODY_LIMIT: usize = 64 << 10;

/// Reads a request's whole body. The error is the response to a request that no instance receives.
pub(super) async fn buffer(
    request: Request<Incoming>,
    read_timeout: Duration,
) -> Result<Request<Full<Bytes>>, BufferedResponse> {
    let (head, body) = request.into_parts();
    let has_host = head.headers.get(header::HOST).is_some_and(|host| host.to_str().is_ok());
    if head.uri.authority().is_none() && !has_host {
        // A request has to name its host (RFC 9112, section 3.2).
        return Err(problem(ProblemCode::MalformedRequest, "send the header Host"));
    }
    let too_large = || problem(ProblemCode::RequestTooLarge, "send less than 16 KiB");
    if body.size_hint().lower() > BODY_LIMIT as u64 {
        // The header `content-length` says so, and there is no need to wait for the body.
        return Err(too_large());
    }
    match timeout(read_timeout, Limited::new(body, BODY_LIMIT).collect()).await {
        Ok(Ok(body)) => Ok(Request::from_parts(head, Full::new(body.to_bytes()))),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(problem(ProblemCode::MalformedRequest, "the body is incomplete or malformed")),
        Err(_elapsed) => {
            let detail = format!("send the body within {} seconds", read_timeout.as_secs_f64());
            Err(problem(ProblemCode::RequestTimedOut, &detail))
        }
    }
}
