//! The faults that a test can script.

use wasmtime_wasi_http::Error;

/// A fault that makes a request fail. Each fault stands for one of wasmtime's errors, which can't be cloned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The host name has no address.
    Dns,
    /// The name server didn't answer in time.
    DnsTimeout,
    /// The upstream's machine refused the connection.
    ConnectionRefused,
    /// The connection took longer than `connect_timeout`.
    ConnectTimeout,
    /// The host forbids the upstream's address.
    DestinationIpProhibited,
    /// The host forbids the request.
    RequestDenied,
    /// The TLS handshake failed.
    TlsProtocol,
    /// The upstream's certificate isn't trusted.
    TlsCertificate,
    /// The connection was closed.
    ConnectionTerminated,
    /// Nothing was received for longer than a timeout.
    ReadTimeout,
    /// The response took too long.
    ResponseTimeout,
    /// The response ended too early.
    ResponseIncomplete,
    /// The received bytes aren't HTTP.
    HttpProtocol,
    /// The test has scripted no reply for this request.
    NothingScripted,
}

impl Fault {
    /// Every fault of a host or an upstream, for tests that cover all of them.
    pub const ALL: [Self; 13] = [
        Self::Dns,
        Self::DnsTimeout,
        Self::ConnectionRefused,
        Self::ConnectTimeout,
        Self::DestinationIpProhibited,
        Self::RequestDenied,
        Self::TlsProtocol,
        Self::TlsCertificate,
        Self::ConnectionTerminated,
        Self::ReadTimeout,
        Self::ResponseTimeout,
        Self::ResponseIncomplete,
        Self::HttpProtocol,
    ];

    /// Whether the fault happens before the upstream receives any part of the request.
    pub fn precedes_the_request(self) -> bool {
        match self {
            Self::Dns
            | Self::DnsTimeout
            | Self::ConnectionRefused
            | Self::ConnectTimeout
            | Self::DestinationIpProhibited
            | Self::RequestDenied
            | Self::TlsProtocol
            | Self::TlsCertificate
            | Self::NothingScripted => true,
            Self::ConnectionTerminated
            | Self::ReadTimeout
            | Self::ResponseTimeout
            | Self::ResponseIncomplete
            | Self::HttpProtocol => false,
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Dns => Self::DnsError { rcode: Some("address not available".to_owned()), info_code: None },
            Fault::DnsTimeout => Self::DnsTimeout,
            Fault::ConnectionRefused => Self::ConnectionRefused,
            Fault::ConnectTimeout => Self::ConnectionTimeout,
            Fault::DestinationIpProhibited => Self::DestinationIpProhibited,
            Fault::RequestDenied => Self::HttpRequestDenied,
            Fault::TlsProtocol => Self::TlsProtocolError,
            Fault::TlsCertificate => Self::TlsCertificateError,
            Fault::ConnectionTerminated => Self::ConnectionTerminated,
            Fault::ReadTimeout => Self::ConnectionReadTimeout,
            Fault::ResponseTimeout => Self::HttpResponseTimeout,
            Fault::ResponseIncomplete => Self::HttpResponseIncomplete,
            Fault::HttpProtocol => Self::HttpProtocolError,
            Fault::NothingScripted => {
                Self::InternalError(Some("the test scripted no reply for this request".to_owned()))
            }
        }
    }
}
