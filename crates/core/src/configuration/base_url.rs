//! The base URL: the address of the upstream.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::net::{IpAddr, Ipv6Addr};
use core::num::NonZeroU16;

/// The part of a URL before the paths of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    /// Whether requests use TLS.
    pub secure: bool,
    /// Host and port, in lower case.
    pub authority: String,
    /// The path before the paths of the API: empty, or a path that begins with a slash and does not end with
    /// one.
    pub path: String,
}

/// Why a text is not accepted as a base URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaseUrlError {
    /// The text is not an absolute `http` or `https` URL of host, port and path only.
    Malformed,
    /// The URL is unencrypted, and its host is not a loopback host.
    Insecure,
}

impl BaseUrl {
    /// Reads `https://host[:port][/path]`. The scheme `http` is for loopback hosts, or for `allow_insecure`,
    /// because each request contains the API key.
    ///
    /// The form is narrower than RFC 3986: no user, no query, no fragment, no escapes, and ASCII only. So no
    /// two programs can read the same URL in different ways.
    ///
    /// # Errors
    /// [`BaseUrlError`] for any other text.
    pub fn parse(text: &str, allow_insecure: bool) -> Result<Self, BaseUrlError> {
        let (scheme, rest) = text.split_once(':').ok_or(BaseUrlError::Malformed)?;
        let rest = rest.strip_prefix("//").ok_or(BaseUrlError::Malformed)?;
        let secure = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(BaseUrlError::Malformed),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = authority.split_at(end_of_host(authority));
        if !is_host(host) || !is_port(port) || !is_path(path) {
            return Err(BaseUrlError::Malformed);
        }
        if !secure && !allow_insecure && !is_loopback(host) {
            return Err(BaseUrlError::Insecure);
        }
        Ok(Self {
            secure,
            authority: authority.to_ascii_lowercase(),
            path: path.trim_end_matches('/').to_owned(),
        })
    }
}

/// The end of the host: after the bracket of an IPv6 address, else at the first colon.
fn end_of_host(authority: &str) -> usize {
    let end = match authority.strip_prefix('[') {
        Some(_) => authority.find(']').map(|bracket| bracket + 1),
        None => authority.find(':'),
    };
    end.unwrap_or(authority.len())
}

/// Whether a text is a name, an IPv4 address, or an IPv6 address in brackets.
fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
        }
    }
}

/// Whether a text is empty, or a colon and a port.
fn is_port(behind_host: &str) -> bool {
    match behind_host.strip_prefix(':') {
        Some(port) => port.parse::<NonZeroU16>().is_ok() && !port.starts_with('+'),
        None => behind_host.is_empty(),
    }
}

/// Whether a text has only slashes and unreserved characters (RFC 3986, section 2.3).
fn is_path(path: &str) -> bool {
    path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte))
}

/// Whether `host`, as it stands in a URL, is a loopback host for every resolver. RFC 6761, section 6.3,
/// reserves the name `localhost`.
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

    proptest::proptest! {
        #[test]
        fn no_text_panics_and_what_is_taken_is_plain(text in "(https?://)?.{0,40}") {
            if let Ok(url) = BaseUrl::parse(&text, true) {
                let taken = [url.authority.as_str(), &url.path].concat();
                assert!(taken.bytes().all(|byte| byte.is_ascii_graphic() && !b"@?#\\%".contains(&byte)), "{text:?}");
            }
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
            "https://api.pipedream.com:+443",
            "https://api.pipedream.com/a b",
            "https://api.pipedream.com/%2e",
            "https://api.pipedream.com\\@example.com",
            "https://api.pipedreâm.com",
            "https://[::1",
            "https://::1",
            "https:///path",
            "HTTPS://api.pipedream.com",
        ] {
            assert_eq!(BaseUrl::parse(text, true), Err(BaseUrlError::Malformed), "{text}");
        }
    }
}
