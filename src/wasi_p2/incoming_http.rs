//! The exported interface `wasi:http/incoming-handler`, which runs the broker of the core.

use super::OneThread;
use super::Wasi;
use super::bindings::incoming_handler::Guest;
use super::output_stream::write_all;
use super::run::run;
use super::stderr;
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use credwell_core::broker::configuration::BrokerConfiguration;
use credwell_core::broker::response::Response;
use credwell_core::broker::{self, MAXIMUM_REQUEST_BODY, metrics};
use credwell_core::configuration::Kept;
use credwell_core::secret::{ExposeSecret, SecretSlice, SecretString};
use wasi::http::types::{
    ErrorCode, Fields, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasi::io::streams::{OutputStream, StreamError};

struct Component;

super::bindings::export!(Component with_types_in super::bindings);

/// The configuration of the last request.
static KEPT: OneThread<Kept<BrokerConfiguration>> = OneThread(Kept::new());

impl Guest for Component {
    fn handle(request: IncomingRequest, response: ResponseOutparam) {
        let request = incoming_request(&request);
        let (answer, record) = run(broker::respond(&Wasi, &KEPT.0, &request));
        send(answer, response);
        // The log and the metrics follow the response, so that the caller doesn't wait for them.
        stderr::write(&record.to_line());
        if record.counted_in.is_some() {
            run(metrics::count(&Wasi, &record));
        }
    }
}

fn incoming_request(request: &IncomingRequest) -> broker::IncomingRequest {
    let headers = request.headers();
    // A repeated header counts as missing, because a proxy in front could use the other value.
    let header = |name: &str| {
        let mut values = headers.get(name).into_iter();
        let value = values.next().filter(|_| values.next().is_none())?;
        String::from_utf8(value).ok()
    };
    // The lines of a list are combined (RFC 9110, section 5.3).
    let list = |name: &str| {
        let values = headers.get(name).into_iter().map(|value| String::from_utf8(value).ok());
        values.collect::<Option<Vec<_>>>().map(|values| values.join(", "))
    };
    let method = method(request.method());
    // Only POST has a body that the broker uses.
    let body = if method == "POST" { read_body(request) } else { Some(SecretSlice::default()) };
    broker::IncomingRequest {
        path_with_query: request.path_with_query().unwrap_or_default(),
        authorization: header("authorization").map(SecretString::from),
        cache_control: list("cache-control"),
        method,
        body,
    }
}

fn method(method: Method) -> String {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        Method::Other(name) => return name,
    }
    .to_owned()
}

/// Reads the body. None if it has more than [`MAXIMUM_REQUEST_BODY`] bytes. A body that breaks off counts as
/// empty, because its sender is gone.
fn read_body(request: &IncomingRequest) -> Option<SecretSlice<u8>> {
    let Ok(body) = request.consume() else { return Some(SecretSlice::default()) };
    let Ok(stream) = body.stream() else { return Some(SecretSlice::default()) };
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(MAXIMUM_REQUEST_BODY as u64) {
            Ok(chunk) if bytes.len() + chunk.len() > MAXIMUM_REQUEST_BODY => return None,
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(StreamError::Closed) => return Some(bytes.into()),
            Err(StreamError::LastOperationFailed(_)) => return Some(SecretSlice::default()),
        }
    }
}

/// Sends a response. A caller that has closed the connection is not an error.
///
/// The body goes into its stream before the response is set, as far as the host permits: a host that had the
/// head alone can send it in a segment of its own, and the segment of the body then waits for the delayed
/// acknowledgement of the first one (RFC 896, RFC 9293, section 3.8.6.3).
fn send(answer: Response, response: ResponseOutparam) {
    let headers: Vec<_> =
        answer.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into_bytes())).collect();
    let Ok(headers) = Fields::from_list(&headers) else {
        return ResponseOutparam::set(response, Err(ErrorCode::InternalError(None)));
    };
    let outgoing = OutgoingResponse::new(headers);
    let (Ok(()), Ok(body)) = (outgoing.set_status_code(answer.status), outgoing.body()) else {
        return ResponseOutparam::set(response, Err(ErrorCode::InternalError(None)));
    };
    let Ok(stream) = body.write() else {
        return ResponseOutparam::set(response, Err(ErrorCode::InternalError(None)));
    };
    let rest = write_permitted(&stream, answer.body.expose_secret());
    ResponseOutparam::set(response, Ok(outgoing));
    if write_all(&stream, rest).is_err() {
        return;
    }
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
}

/// Writes what the host takes at once, and returns the rest. Never waits: a host may take nothing before the
/// response is set. An error shows itself again in the first write of the rest.
fn write_permitted<'body>(stream: &OutputStream, mut body: &'body [u8]) -> &'body [u8] {
    while !body.is_empty() {
        let permit = stream.check_write().unwrap_or_default();
        let permitted = usize::try_from(permit).unwrap_or(usize::MAX).min(body.len());
        let (chunk, rest) = body.split_at(permitted);
        if chunk.is_empty() || stream.write(chunk).is_err() {
            break;
        }
        body = rest;
    }
    body
}
