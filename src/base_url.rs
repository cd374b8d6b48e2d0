//! Where the upstream is.

use core::net::{IpAddr, Ipv6Addr};
use core::num::NonZeroU16;
use http::Uri;

/// The part of a URL in front of the API's paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    /// Whether requests go over TLS.
    pub secure: bool,
    /// Host and port, in lower case.
    pub authority: String,
    /// What the API's paths are put behind: empty, or `/` and more, without a slash at the end.
    pub path: String,
}

/// Why a text is no base URL that may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaseUrlError {
    /// Not an absolute `http` or `https` URL of host, port and path only.
    Malformed,
    /// Not encrypted, and not to this machine itself.
    Insecure,
}

impl BaseUrl {
    /// Takes `https://host[:port][/path]`, and `http` where the host is a loopback one or `allow_insecure`
    /// is set: the API key goes with every request.
    pub fn parse(text: &str, allow_insecure: bool) -> Result<Self, BaseUrlError> {
        let uri: Uri = text.parse().map_err(|_| BaseUrlError::Malformed)?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(BaseUrlError::Malformed),
        };
        let authority = uri.authority().ok_or(BaseUrlError::Malformed)?;
        let host = authority.host();
        if !is_host(host) || !is_port(authority.as_str().strip_prefix(host)) {
            return Err(BaseUrlError::Malformed);
        }
        if uri.query().is_some() || text.contains('#') {
            return Err(BaseUrlError::Malformed);
        }
        if !secure && !allow_insecure && !is_loopback(host) {
            return Err(BaseUrlError::Insecure);
        }
        Ok(Self {
            secure,
            authority: authority.as_str().to_ascii_lowercase(),
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

/// Whether it is a name, an IPv4 address, or an IPv6 address in brackets.
fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && !host.contains(['[', ']']),
    }
}

/// Whether what stands behind the host is nothing, or a colon and a port. A user in front of the host has left
/// something else there.
fn is_port(behind_host: Option<&str>) -> bool {
    match behind_host {
        Some("") => true,
        Some(port) => port.strip_prefix(':').is_some_and(|port| port.parse::<NonZeroU16>().is_ok()),
        None => false,
    }
}

/// Whether `host`, as it stands in a URL, is this machine itself whatever a resolver says. RFC 6761, section
/// 6.3, reserves the name.
fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls_are_taken_apart() {
        let url = BaseUrl::parse("https://API.pipedream.com", false).unwrap();
        assert_eq!((url.secure, url.authority.as_str(), url.path.as_str()), (true, "api.pipedream.com", ""));
        let url = BaseUrl::parse("https://gateway.example:8443/pipedream/", false).unwrap();
        assert_eq!((url.authority.as_str(), url.path.as_str()), ("gateway.example:8443", "/pipedream"));
    }

    #[test]
    fn plain_http_is_for_loopback_or_for_those_who_allow_it() {
        for text in ["http://localhost:8080", "http://127.0.0.1", "http://127.9.9.9:1", "http://[::1]:80"] {
            assert!(BaseUrl::parse(text, false).is_ok(), "{text}");
        }
        for text in [
            "http://api.pipedream.com",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://128.0.0.1",
            "http://[::2]",
        ] {
            assert_eq!(BaseUrl::parse(text, false), Err(BaseUrlError::Insecure), "{text}");
            assert!(BaseUrl::parse(text, true).is_ok(), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "api.pipedream.com",
            "/v1",
            "ftp://api.pipedream.com",
            "https://",
            "https://user:password@api.pipedream.com",
            "https://api.pipedream.com/?a=b",
            "https://api.pipedream.com/#a",
            "https://api pipedream.com",
            "https://api.pipedream.com:",
            "https://api.pipedream.com:0",
            "https://api.pipedream.com:65536",
            "https://api.pipedream.com:port",
            "http://[::1].example.com",
            "http://[127.0.0.1]",
            "http://localhost:80.example.com",
            "http://localhost@example.com",
        ] {
            assert_eq!(BaseUrl::parse(text, true), Err(BaseUrlError::Malformed), "{text}");
        }
    }
}
