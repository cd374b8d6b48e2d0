//! The port `Upstream` over `wasi:http/outgoing-handler`.

use super::Wasi;
use super::clocks::after;
use super::clocks::nanoseconds;
use super::run::first_ready;
use alloc::borrow::ToOwned;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;
use credwell_core::ports::{
    Clock, Limits, MAXIMUM_BODY, Method, Phase, Request, Response, TransportError, Upstream,
};
use credwell_core::secret::{ExposeSecret, SecretSlice};
use wasi::http::outgoing_handler::handle;
use wasi::http::types::{
    ErrorCode, Fields, IncomingResponse, OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
    http_error_code,
};
use wasi::io::poll::Pollable;
use wasi::io::streams::{InputStream, OutputStream, StreamError};

/// The size of one read of a body, in bytes.
const CHUNK: u64 = 64 * 1024;

impl Upstream for Wasi {
    async fn send(&self, request: &Request, limits: Limits) -> Result<Response, TransportError> {
        let total = after(limits.total);
        let outgoing = outgoing_request(request)?;
        let body =
            request.body.is_some().then(|| outgoing.body()).transpose().map_err(|()| request_refused())?;
        let pending =
            handle(outgoing, Some(request_options(limits))).map_err(|code| transport_error(&code))?;
        if let (Some(body), Some(bytes)) = (body, &request.body) {
            write_body(body, bytes, &total).await?;
        }
        // Some hosts don't apply their timeouts before the request is sent, for example in a TLS handshake.
        let head_limit = limits.connect.saturating_add(limits.first_byte).min(limits.total);
        let head_phase = if head_limit == limits.total { Phase::Deadline } else { Phase::FirstByte };
        let head = Rc::new(pending.subscribe());
        wait(&head, &after(head_limit), head_phase).await?;
        drop(head);
        // The response is ready and is taken once, so only a broken host has none here.
        let response = pending.get().and_then(Result::ok).ok_or_else(response_lost)?;
        read_response(&response.map_err(|code| transport_error(&code))?, limits, &total).await
    }
}

fn outgoing_request(request: &Request) -> Result<OutgoingRequest, TransportError> {
    let headers: Vec<_> = request
        .headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.expose_secret().as_bytes().to_vec()))
        .collect();
    let headers = Fields::from_list(&headers).map_err(|_| request_refused())?;
    let outgoing = OutgoingRequest::new(headers);
    let method = match request.method {
        Method::Get => wasi::http::types::Method::Get,
        Method::Post => wasi::http::types::Method::Post,
    };
    let scheme = if request.secure { Scheme::Https } else { Scheme::Http };
    outgoing
        .set_method(&method)
        .and_then(|()| outgoing.set_scheme(Some(&scheme)))
        .and_then(|()| outgoing.set_authority(Some(&request.authority)))
        .and_then(|()| outgoing.set_path_with_query(Some(&request.path_with_query)))
        .map_err(|()| request_refused())?;
    Ok(outgoing)
}

/// The timeouts for the host. A host may refuse one that it doesn't support, so errors are ignored. The limit
/// on the total applies in any case.
fn request_options(limits: Limits) -> RequestOptions {
    let options = RequestOptions::new();
    let duration = |limit: Duration| Some(nanoseconds(limit));
    let _ = options.set_connect_timeout(duration(limits.connect));
    let _ = options.set_first_byte_timeout(duration(limits.first_byte));
    let _ = options.set_between_bytes_timeout(duration(limits.between_bytes));
    options
}

/// Writes the body as fast as the host accepts it. Waits at most until `total`, because a connection can
/// stall.
async fn write_body(
    body: OutgoingBody,
    bytes: &SecretSlice<u8>,
    total: &Rc<Pollable>,
) -> Result<(), TransportError> {
    let stream: OutputStream = body.write().map_err(|()| request_refused())?;
    let mut rest = bytes.expose_secret();
    let writable = Rc::new(stream.subscribe());
    while !rest.is_empty() {
        wait(&writable, total, Phase::Deadline).await?;
        // If the host has closed the stream, the response holds the error.
        let Ok(allowed) = stream.check_write() else { return Ok(()) };
        let allowed = usize::try_from(allowed).unwrap_or(usize::MAX).min(rest.len());
        let (chunk, remaining) = rest.split_at(allowed);
        if stream.write(chunk).is_err() {
            return Ok(());
        }
        rest = remaining;
    }
    let _ = stream.flush();
    drop(writable);
    drop(stream);
    OutgoingBody::finish(body, None).map_err(|code| transport_error(&code))
}

async fn read_response(
    response: &IncomingResponse,
    limits: Limits,
    total: &Rc<Pollable>,
) -> Result<Response, TransportError> {
    let status = response.status();
    let headers = response.headers();
    let header = |name: &str| {
        let value = headers.get(name).into_iter().next()?;
        String::from_utf8(value).ok()
    };
    let body = if (200..=299).contains(&status) {
        // A body with a `Content-Length` beyond the limit is not read (RFC 9110, section 8.6).
        if header("content-length").and_then(|text| text.parse::<u64>().ok()) > Some(MAXIMUM_BODY as u64) {
            return Err(TransportError::BodyTooLarge);
        }
        read_body(response, limits, total).await?
    } else {
        SecretSlice::default()
    };
    Ok(Response {
        status,
        retry_after: header("retry-after"),
        rate_limit_reset: header("x-ratelimit-reset"),
        body,
    })
}

async fn read_body(
    response: &IncomingResponse,
    limits: Limits,
    total: &Rc<Pollable>,
) -> Result<SecretSlice<u8>, TransportError> {
    let body = response.consume().map_err(|()| response_lost())?;
    let stream: InputStream = body.stream().map_err(|()| response_lost())?;
    let readable = Rc::new(stream.subscribe());
    let mut bytes = Vec::new();
    loop {
        let waiting_since = Wasi.monotonic_time();
        wait(&readable, total, Phase::Deadline).await?;
        match stream.read(CHUNK) {
            Ok(chunk) if bytes.len() + chunk.len() > MAXIMUM_BODY => {
                return Err(TransportError::BodyTooLarge);
            }
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(StreamError::Closed) => return Ok(bytes.into()),
            Err(StreamError::LastOperationFailed(error)) => {
                let waited = Wasi.monotonic_time().saturating_sub(waiting_since);
                return Err(match http_error_code(&error) {
                    Some(ErrorCode::ConnectionReadTimeout | ErrorCode::HttpResponseTimeout) => {
                        TransportError::TimedOut(Phase::BetweenBytes)
                    }
                    Some(code) => match transport_error(&code) {
                        TransportError::Unreachable(name) => TransportError::ConnectionBroken(name),
                        error => error,
                    },
                    // wasmtime 48 gives no code for an error within a body.
                    None if waited >= limits.between_bytes => TransportError::TimedOut(Phase::BetweenBytes),
                    None => TransportError::ConnectionBroken("the body broke off".to_owned()),
                });
            }
        }
    }
}

/// Waits until `ready` is ready. Fails once `limit` is ready, even if `ready` is ready too, because a body
/// can be endless.
async fn wait(ready: &Rc<Pollable>, limit: &Rc<Pollable>, phase: Phase) -> Result<(), TransportError> {
    if first_ready([limit, ready]).await == 0 { Err(TransportError::TimedOut(phase)) } else { Ok(()) }
}

/// The error if the host refuses a part of the request. The host gives no error code for this.
fn request_refused() -> TransportError {
    TransportError::Denied("the host refused the request".to_owned())
}

/// The error if the host doesn't hand out a response or its body. The host gives no error code for this.
fn response_lost() -> TransportError {
    TransportError::ConnectionBroken("the host lost the answer".to_owned())
}

/// The error for an error code, with the code's name. The data of a code is left out, because it comes from
/// the server.
fn transport_error(code: &ErrorCode) -> TransportError {
    let name = code_name(code).to_owned();
    match code {
        ErrorCode::DnsTimeout => TransportError::TimedOut(Phase::Lookup),
        ErrorCode::ConnectionTimeout => TransportError::TimedOut(Phase::Connect),
        ErrorCode::ConnectionReadTimeout | ErrorCode::HttpResponseTimeout => {
            TransportError::TimedOut(Phase::FirstByte)
        }
        ErrorCode::HttpResponseBodySize(_) => TransportError::BodyTooLarge,
        ErrorCode::DestinationIpProhibited
        | ErrorCode::HttpRequestDenied
        | ErrorCode::HttpRequestLengthRequired
        | ErrorCode::HttpRequestBodySize(_)
        | ErrorCode::HttpRequestMethodInvalid
        | ErrorCode::HttpRequestUriInvalid
        | ErrorCode::HttpRequestUriTooLong
        | ErrorCode::HttpRequestHeaderSectionSize(_)
        | ErrorCode::HttpRequestHeaderSize(_)
        | ErrorCode::HttpRequestTrailerSectionSize(_)
        | ErrorCode::HttpRequestTrailerSize(_)
        | ErrorCode::LoopDetected
        | ErrorCode::ConnectionLimitReached
        | ErrorCode::ConfigurationError => TransportError::Denied(name),
        ErrorCode::DnsError(_)
        | ErrorCode::DestinationNotFound
        | ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::ConnectionRefused
        | ErrorCode::TlsProtocolError
        | ErrorCode::TlsCertificateError => TransportError::Unreachable(name),
        // Also a TLS alert: in TLS 1.3 it can follow the request.
        _ => TransportError::ConnectionBroken(name),
    }
}

/// The name of an error code in `wasi:http/types`.
fn code_name(code: &ErrorCode) -> &'static str {
    match code {
        ErrorCode::DnsTimeout => "DNS-timeout",
        ErrorCode::DnsError(_) => "DNS-error",
        ErrorCode::DestinationNotFound => "destination-not-found",
        ErrorCode::DestinationUnavailable => "destination-unavailable",
        ErrorCode::DestinationIpProhibited => "destination-IP-prohibited",
        ErrorCode::DestinationIpUnroutable => "destination-IP-unroutable",
        ErrorCode::ConnectionRefused => "connection-refused",
        ErrorCode::ConnectionTerminated => "connection-terminated",
        ErrorCode::ConnectionTimeout => "connection-timeout",
        ErrorCode::ConnectionReadTimeout => "connection-read-timeout",
        ErrorCode::ConnectionWriteTimeout => "connection-write-timeout",
        ErrorCode::ConnectionLimitReached => "connection-limit-reached",
        ErrorCode::TlsProtocolError => "TLS-protocol-error",
        ErrorCode::TlsCertificateError => "TLS-certificate-error",
        ErrorCode::TlsAlertReceived(_) => "TLS-alert-received",
        ErrorCode::HttpRequestDenied => "HTTP-request-denied",
        ErrorCode::HttpRequestLengthRequired => "HTTP-request-length-required",
        ErrorCode::HttpRequestBodySize(_) => "HTTP-request-body-size",
        ErrorCode::HttpRequestMethodInvalid => "HTTP-request-method-invalid",
        ErrorCode::HttpRequestUriInvalid => "HTTP-request-URI-invalid",
        ErrorCode::HttpRequestUriTooLong => "HTTP-request-URI-too-long",
        ErrorCode::HttpRequestHeaderSectionSize(_) => "HTTP-request-header-section-size",
        ErrorCode::HttpRequestHeaderSize(_) => "HTTP-request-header-size",
        ErrorCode::HttpRequestTrailerSectionSize(_) => "HTTP-request-trailer-section-size",
        ErrorCode::HttpRequestTrailerSize(_) => "HTTP-request-trailer-size",
        ErrorCode::HttpResponseIncomplete => "HTTP-response-incomplete",
        ErrorCode::HttpResponseHeaderSectionSize(_) => "HTTP-response-header-section-size",
        ErrorCode::HttpResponseHeaderSize(_) => "HTTP-response-header-size",
        ErrorCode::HttpResponseBodySize(_) => "HTTP-response-body-size",
        ErrorCode::HttpResponseTrailerSectionSize(_) => "HTTP-response-trailer-section-size",
        ErrorCode::HttpResponseTrailerSize(_) => "HTTP-response-trailer-size",
        ErrorCode::HttpResponseTransferCoding(_) => "HTTP-response-transfer-coding",
        ErrorCode::HttpResponseContentCoding(_) => "HTTP-response-content-coding",
        ErrorCode::HttpResponseTimeout => "HTTP-response-timeout",
        ErrorCode::HttpUpgradeFailed => "HTTP-upgrade-failed",
        ErrorCode::HttpProtocolError => "HTTP-protocol-error",
        ErrorCode::LoopDetected => "loop-detected",
        ErrorCode::ConfigurationError => "configuration-error",
        ErrorCode::InternalError(_) => "internal-error",
    }
}
