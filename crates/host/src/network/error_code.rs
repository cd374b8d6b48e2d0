//! The mapping from the client's errors to error codes of `wasi:http`.

use super::connector::ConnectError;
use hyper_util::client::legacy;
use rustls::pki_types::InvalidDnsNameError;
use std::error::Error as StdError;
use std::io::{self, ErrorKind};
use wasmtime_wasi_http::Error;

/// The error code of a request without a response.
pub(super) fn error_of(error: &legacy::Error) -> Error {
    find(error, error.is_connect())
}

/// The error code of a response whose body is incomplete.
pub(super) fn body_error_of(error: &hyper::Error) -> Error {
    find(error, false)
}

/// Whether the server closed the connection before it sent the whole head of the response.
pub(super) fn is_closed_early(error: &legacy::Error) -> bool {
    let is_closed = matches!(error_of(error), Error::HttpResponseIncomplete | Error::ConnectionTerminated);
    is_closed && !error.is_connect()
}

/// The code of the first error in the chain of sources that has one, starting at the outermost error.
fn find(error: &(dyn StdError + 'static), is_connecting: bool) -> Error {
    let mut next = Some(error);
    let mut was_unsent = false;
    while let Some(error) = next {
        if let Some(code) = code(error, is_connecting) {
            return code;
        }
        let http = error.downcast_ref::<hyper::Error>();
        was_unsent |= http.is_some_and(|error| error.is_canceled() || error.is_closed());
        next = error.source();
    }
    if was_unsent { Error::ConnectionTerminated } else { Error::HttpProtocolError }
}

fn code(error: &(dyn StdError + 'static), is_connecting: bool) -> Option<Error> {
    if let Some(error) = error.downcast_ref::<io::Error>() {
        // An I/O error can wrap an error of TLS. `source` skips the wrapped error, `get_ref` does not.
        let wrapped = error.get_ref().map(|wrapped| wrapped as &(dyn StdError + 'static));
        return wrapped
            .and_then(|wrapped| code(wrapped, is_connecting))
            .or_else(|| io_code(error.kind(), is_connecting));
    }
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        return http_code(error);
    }
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(tls_code(error));
    }
    if let Some(error) = error.downcast_ref::<ConnectError>() {
        return Some(match error {
            ConnectError::TimedOut => Error::ConnectionTimeout,
            ConnectError::NoAddress(_) => dns_error("address not available"),
        });
    }
    error.is::<InvalidDnsNameError>().then(|| dns_error("invalid dns name"))
}

fn dns_error(rcode: &str) -> Error {
    Error::DnsError { rcode: Some(rcode.to_owned()), info_code: None }
}

fn io_code(kind: ErrorKind, is_connecting: bool) -> Option<Error> {
    Some(match kind {
        ErrorKind::ConnectionRefused => Error::ConnectionRefused,
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            Error::ConnectionTerminated
        }
        ErrorKind::UnexpectedEof if is_connecting => Error::ConnectionTerminated,
        ErrorKind::UnexpectedEof => Error::HttpResponseIncomplete,
        ErrorKind::TimedOut if is_connecting => Error::ConnectionTimeout,
        ErrorKind::TimedOut => Error::ConnectionReadTimeout,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Error::DestinationIpUnroutable,
        ErrorKind::NetworkDown | ErrorKind::AddrNotAvailable => Error::DestinationUnavailable,
        _ => return None,
    })
}

fn http_code(error: &hyper::Error) -> Option<Error> {
    if error.is_parse_too_large() {
        Some(Error::HttpResponseHeaderSectionSize(None))
    } else if error.is_parse() {
        Some(Error::HttpProtocolError)
    } else if error.is_incomplete_message() {
        Some(Error::HttpResponseIncomplete)
    } else {
        None
    }
}

fn tls_code(error: &rustls::Error) -> Error {
    match error {
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
            Error::TlsCertificateError
        }
        rustls::Error::AlertReceived(alert) => Error::TlsAlertReceived {
            alert_id: Some(u8::from(*alert)),
            alert_message: Some(format!("{alert:?}")),
        },
        _ => Error::TlsProtocolError,
    }
}
