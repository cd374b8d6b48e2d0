//! Base URLs near the grammar of RFC 3986.

use crate::damage::{apply_to_text, damage};
use crate::{Verdict, fuzz};
use credwell_core::configuration::base_url::{BaseUrl, BaseUrlError};
use proptest::prelude::*;
use proptest::sample::select;
use std::net::IpAddr;

const HOSTS: &[&str] = &[
    "api.pipedream.com",
    "LOCALHOST",
    "localhost",
    "localhost.",
    "127.0.0.1",
    "127.9.9.9",
    "128.0.0.1",
    "127.1",
    "0x7f.1",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[fe80::1%25lo]",
    "[]",
    "[::1",
    "::1",
    "",
];

fn url() -> impl Strategy<Value = String> {
    let scheme = select(&["https", "https", "https", "http", "http", "http", "HTTPS", "ftp"][..]);
    let separator = prop_oneof![19 => Just("://"), 1 => select(&[":", ":/", "//", ":///"][..])];
    let user = prop_oneof![19 => Just(""), 1 => select(&["user@", "user:password@", "@", "localhost@"][..])];
    let host = prop_oneof![
        4 => select(HOSTS).prop_map(str::to_owned),
        2 => "[a-zA-Z0-9.-]{1,20}",
        1 => "\\[[0-9a-f:.]{1,20}\\]",
    ];
    let port = prop_oneof![
        4 => Just(String::new()),
        2 => (0_u32..70_000).prop_map(|port| format!(":{port}")),
        1 => ":[0-9+-]{0,6}",
    ];
    let path = prop_oneof![3 => Just(String::new()), 3 => "(/[a-z0-9._~-]{0,5}){0,3}", 1 => "/.{0,8}"];
    let end = prop_oneof![19 => Just(""), 1 => select(&["?a=b", "#a", "/", "//", "\\", "%2e"][..])];
    (scheme, separator, user, host, port, path, end).prop_map(
        |(scheme, separator, user, host, port, path, end)| {
            [scheme, separator, user, &host, &port, &path, end].concat()
        },
    )
}

fn written(url: &BaseUrl) -> String {
    let scheme = if url.secure { "https" } else { "http" };
    [scheme, "://", &url.authority, &url.path].concat()
}

/// Whether the URL, as the `http` crate reads it, is one of this machine.
fn is_loopback(uri: &http::Uri) -> bool {
    let host = uri.host().expect("an absolute URL has a host").trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The `http` crate sends the requests of a host.
#[test]
fn a_base_url_is_what_other_programs_read() {
    let snippets =
        &["@", "//", "/", "\\", "?", "#", "%", ":", "[", "]", ".", "localhost", " ", "\r\n", "é", "\0"];
    fuzz("base URLs", (url(), damage(snippets)), |(url, changes)| {
        let text = apply_to_text(url, &changes);
        let (any, encrypted) = (BaseUrl::parse(&text, true), BaseUrl::parse(&text, false));
        let Ok(url) = any else {
            assert_eq!((&any, &encrypted), (&Err(BaseUrlError::Malformed), &any), "{text:?}");
            return Verdict::Refused;
        };
        let written = written(&url);
        assert_eq!(BaseUrl::parse(&written, true).as_ref(), Ok(&url), "{text:?}");
        assert!(url.authority.bytes().chain(url.path.bytes()).all(|byte| byte.is_ascii_graphic()));
        assert!(url.path.is_empty() || url.path.starts_with('/') && !url.path.ends_with('/'), "{text:?}");

        let uri: http::Uri = text.parse().unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!(uri.scheme_str(), Some(if url.secure { "https" } else { "http" }), "{text:?}");
        let authority = uri.authority().map(|authority| authority.as_str().to_ascii_lowercase());
        assert_eq!(authority.as_ref(), Some(&url.authority), "{text:?}");
        assert_eq!(uri.path().trim_end_matches('/'), url.path, "{text:?}");
        assert_eq!(uri.query(), None, "{text:?}");

        let expected = if url.secure || is_loopback(&uri) { Ok(url) } else { Err(BaseUrlError::Insecure) };
        assert_eq!(encrypted, expected, "{text:?}");
        Verdict::Taken
    });
}
