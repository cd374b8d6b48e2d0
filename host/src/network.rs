//! `wasi:http/outgoing-handler`: where the component's requests go.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

/// The network, as far as the component may use it.
///
/// It carries API keys, so a host should let it reach the one upstream that they are meant for.
#[derive(Clone, Debug)]
pub struct Network {
    /// In lower case: names of hosts have no case.
    allowed: Arc<BTreeSet<String>>,
    requests: Arc<AtomicUsize>,
}

impl Network {
    /// Lets the component reach these authorities and no others. An authority is a host's name, with its
    /// port unless that is the scheme's default: `api.pipedream.com`, `127.0.0.1:8080`.
    pub fn to<Authority: Into<String>>(allowed: impl IntoIterator<Item = Authority>) -> Self {
        let allowed = allowed.into_iter().map(|authority| authority.into().to_ascii_lowercase());
        Self { allowed: Arc::new(allowed.collect()), requests: Arc::default() }
    }

    /// How many requests were sent, over all instances that were given a clone of this.
    pub fn count(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    fn allows(&self, uri: &http::Uri) -> bool {
        uri.authority()
            .is_some_and(|authority| self.allowed.contains(&authority.as_str().to_ascii_lowercase()))
    }
}

/// What became of a request whose head has arrived: its response, and the rest of its transfer.
type Answer = Result<(http::Response<WasiBody>, Transfer), Error>;

/// Drives a response's body while the component reads it.
type Transfer = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Network {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Transfer,
    ) -> Box<dyn Future<Output = Answer> + Send> {
        let allowed = self.allows(request.uri());
        if allowed {
            self.requests.fetch_add(1, Ordering::Relaxed);
        }
        Box::new(async move {
            if !allowed {
                return Err(Error::HttpRequestDenied);
            }
            let (response, transfer) = wasmtime_wasi_http::default_send_request(request, options).await?;
            let response = response.map(http_body_util::BodyExt::boxed_unsync);
            Ok((response, Box::new(transfer) as Transfer))
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
}
