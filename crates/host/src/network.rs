//! The network behind `wasi:http/outgoing-handler`, limited to the allowed authorities.

mod body;
mod client;
mod connector;
mod error_code;

use client::Client;
use http_body_util::BodyExt;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

/// An HTTP client that reaches the allowed authorities and no others. Clones share connections and counts.
///
/// The component's requests carry API keys, so a host should allow only the upstream that the keys belong to.
///
/// Requests are HTTP/1.1, over TLS 1.2 or 1.3 if the URL's scheme is https. Open connections are reused by
/// all instances that have a clone. A connection belongs to the tokio runtime that has opened it. A server's
/// certificate has to come from an authority that [Mozilla trusts](https://wiki.mozilla.org/CA) or that
/// [`Network::trusting`] has added. There are no redirects, no proxies and no cookies.
#[derive(Clone, Debug)]
pub struct Network {
    /// In lower case, because host names are case-insensitive (RFC 9110, section 4.2.3).
    allowed: Arc<BTreeSet<String>>,
    requests: Arc<AtomicUsize>,
    authorities: Arc<RootCertStore>,
    client: Client,
}

/// The error of [`Network::trusting`].
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The text isn't PEM.
    #[error("this is not PEM")]
    Malformed(#[source] pem::Error),
    /// The text contains no certificate.
    #[error("there is no certificate in it")]
    Missing,
    /// A certificate isn't usable as an authority's certificate.
    #[error("a certificate in it can't be used")]
    Unusable(#[source] rustls::Error),
}

impl Network {
    /// Creates a network that reaches these authorities and no others. An authority is a host name, with a
    /// port unless that is the scheme's default: `api.pipedream.com`, `127.0.0.1:8080`.
    pub fn to<Authority: Into<String>>(allowed: impl IntoIterator<Item = Authority>) -> Self {
        let allowed = allowed.into_iter().map(|authority| authority.into().to_ascii_lowercase());
        let authorities = Arc::new(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() });
        let client = Client::trusting(Arc::clone(&authorities));
        Self { allowed: Arc::new(allowed.collect()), requests: Arc::default(), authorities, client }
    }

    /// Adds the certificates in this PEM text (RFC 7468) to the trusted authorities, for an upstream whose
    /// certificate comes from a private authority.
    ///
    /// # Errors
    ///
    /// The text contains no certificate, or one of the certificates is malformed.
    pub fn trusting(self, pem: &[u8]) -> Result<Self, CertificateError> {
        let mut authorities = RootCertStore::clone(&self.authorities);
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(CertificateError::Malformed)?;
            authorities.add(certificate).map_err(CertificateError::Unusable)?;
        }
        if authorities.len() == self.authorities.len() {
            return Err(CertificateError::Missing);
        }
        let authorities = Arc::new(authorities);
        Ok(Self { client: Client::trusting(Arc::clone(&authorities)), authorities, ..self })
    }

    /// The number of requests that all clones together have sent.
    pub fn count(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    fn allows(&self, uri: &http::Uri) -> bool {
        uri.authority()
            .is_some_and(|authority| self.allowed.contains(&authority.as_str().to_ascii_lowercase()))
    }
}

/// The result of a sent request: the response's head and the transfer of its body, or an error.
pub(crate) type SendResult = Result<(http::Response<WasiBody>, Transfer), Error>;

/// A future that transfers a response's body while the component reads it.
pub(crate) type Transfer = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Network {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Transfer,
    ) -> Box<dyn Future<Output = SendResult> + Send> {
        if !self.allows(request.uri()) {
            return Box::new(async { Err(Error::HttpRequestDenied) });
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        let client = self.client.clone();
        Box::new(async move {
            let response = client.send(request, options.unwrap_or_default()).await?;
            // The connection runs in a task of its own.
            Ok((response.map(BodyExt::boxed_unsync), Box::new(async { Ok(()) }) as Transfer))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_allowed_as_a_whole() {
        let network = Network::to(["api.example.com"]);
        let allows = |uri: &'static str| network.allows(&http::Uri::from_static(uri));

        assert!(allows("https://api.example.com/v1"));
        assert!(allows("https://API.example.com/v1"));
        assert!(!allows("https://api.example.com:8443/v1"));
        assert!(!allows("https://api.example.com.evil.test/v1"));
        assert!(!allows("https://api.example.com@evil.test/v1"));
    }

    #[test]
    fn invalid_certificates_are_refused() {
        let trusting = |pem: &str| Network::to(["api.example.com"]).trusting(pem.as_bytes());
        assert!(matches!(trusting(""), Err(CertificateError::Missing)));
        let unusable = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(trusting(unusable), Err(CertificateError::Unusable(_))));
        let truncated = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        assert!(matches!(trusting(truncated), Err(CertificateError::Malformed(_))));
    }
}
