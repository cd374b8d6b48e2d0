//! The ways in which a request fails.

use wasmtime_wasi_http::Error;

/// How a request fails. Each is one of wasmtime's errors, which can't be cloned and so not be scripted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The host's name has no address.
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
    /// TLS couldn't be agreed on.
    TlsProtocol,
    /// The upstream's certificate isn't trusted.
    TlsCertificate,
    /// The connection broke.
    ConnectionTerminated,
    /// Nothing was received for longer than a timeout.
    ReadTimeout,
    /// The response took too long.
    ResponseTimeout,
    /// The response ended too early.
    ResponseIncomplete,
    /// What was received isn't HTTP.
    HttpProtocol,
    /// The test has no reply for this request.
    NothingScripted,
}

impl Fault {
    /// Every failure of a host or an upstream, for tests that must hold for each.
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

    /// Whether it happens before the upstream has seen anything of the request.
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
    fn from(failure: Fault) -> Self {
        match failure {
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
