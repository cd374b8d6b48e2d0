//! Tests of the examples in other languages. Each example runs as a process, with the built component and a
//! sample upstream on this machine.
//!
//! `cargo xtask test` installs the dependencies of the examples into `target/languages`. If the language or a
//! dependency is missing, the tests are skipped. In continuous integration they fail.

mod example;
mod server;
mod setup;

#[path = "../support/small_components.rs"]
mod small_components;

use example::examples;
use host_test::SampleUpstream;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

const WRONG_KEY: &str = "pd_wrong_api_key_5f0c7e913b";

/// An account with access tokens of `xoxp-` and 32 hexadecimal digits.
const ACCOUNT: &str = SampleUpstream::ACCOUNT_IDS[0];

/// An account that is based on keys and has no access token.
const ACCOUNT_WITH_KEYS: &str = SampleUpstream::ACCOUNT_IDS[1];

#[tokio::test(flavor = "multi_thread")]
async fn the_second_result_comes_from_the_cache() {
    for example in examples() {
        let upstream = SampleUpstream::start().await.expect("a free port");
        let outcome = example.run(&upstream.base_url(), SampleUpstream::API_KEY, &[ACCOUNT]);
        assert_eq!((outcome.status, outcome.stderr.as_str()), (Some(0), ""));

        let [first, second] = &outcome.lines()[..] else { panic!("{outcome:?}") };
        let expected = |source: &str, expires_at: &Value| {
            json!({
                "account-id": ACCOUNT,
                "app-slug": "slack",
                "source": source,
                "expires-at": expires_at,
                "access-token": "xoxp... (37 characters)",
            })
        };
        let (mut first, mut second) = (first.clone(), second.clone());
        for line in [&mut first, &mut second] {
            let fresh_until = line.as_object_mut().and_then(|line| line.remove("fresh-until"));
            let fresh_until = fresh_until.as_ref().and_then(Value::as_u64);
            assert!(fresh_until.is_some() && fresh_until <= line["expires-at"].as_u64(), "{line}");
        }
        let expires_at = &first["expires-at"];
        assert!(expires_at.is_u64(), "{expires_at}");
        assert_eq!(first, expected("upstream", expires_at));
        assert_eq!(second, expected("cache", expires_at));
        assert_eq!(upstream.count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_account_does_not_have_is_null() {
    for example in examples() {
        let upstream = SampleUpstream::start().await.expect("a free port");
        let outcome = example.run(&upstream.base_url(), SampleUpstream::API_KEY, &[ACCOUNT_WITH_KEYS]);
        assert_eq!((outcome.status, outcome.stderr.as_str()), (Some(0), ""));
        for line in outcome.lines() {
            assert_eq!(line["app-slug"], "stripe");
            assert_eq!([&line["expires-at"], &line["access-token"]], [&Value::Null; 2]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn warnings_are_shown_with_their_data() {
    for example in examples() {
        let account = json!({
            "credentials": {"oauth_access_token": "token"},
            "expires_at": "2020-01-01T00:00:00Z",
            "next_refresh_at": 5,
        });
        let body = json!({ "data": account }).to_string();
        let upstream = server::serve(move |_| {
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        });
        let outcome = example.run(&upstream, SampleUpstream::API_KEY, &[ACCOUNT]);
        assert_eq!(outcome.status, Some(0), "{outcome:?}");
        let expected = ["warning: field-ignored: next_refresh_at", "warning: already-expired"];
        assert_eq!(outcome.stderr.lines().collect::<Vec<_>>(), [expected, expected].concat());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_refused_is_sent_again_with_a_fresh_token() {
    for example in examples() {
        let tokens = Arc::new(Mutex::new(Vec::new()));
        let received = Arc::clone(&tokens);
        // An app that rejects the first access token.
        let app = server::serve(move |head| {
            let mut tokens = received.lock().expect("no other test panicked here");
            tokens.push(server::header(head, "authorization").map(str::to_owned));
            let status = if tokens.len() == 1 { "401 Unauthorized" } else { "200 OK" };
            format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        });
        let upstream = SampleUpstream::start().await.expect("a free port");
        let outcome = example.run(&upstream.base_url(), SampleUpstream::API_KEY, &[ACCOUNT, &app]);
        assert_eq!((outcome.status, outcome.stderr.as_str()), (Some(0), ""));

        assert_eq!(outcome.lines().last(), Some(&json!({"status": 200})));
        assert_eq!(upstream.count(), 2);
        let tokens = tokens.lock().expect("the app didn't panic");
        assert_eq!(*tokens, [1, 2].map(|issued| Some(format!("Bearer xoxp-{issued:032x}"))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_reported_and_not_shown() {
    for example in examples() {
        let upstream = SampleUpstream::start().await.expect("a free port");
        let outcome = example.run(&upstream.base_url(), WRONG_KEY, &[ACCOUNT]);
        assert_eq!((outcome.status, outcome.stdout.as_str()), (Some(1), ""));
        assert!(outcome.stderr.starts_with("unauthorized: "), "{}", outcome.stderr);
        assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
        assert_eq!(upstream.count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_that_breaks_off_is_an_error_of_the_component() {
    for example in examples() {
        let upstream = server::serve(|_| "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_owned());
        let outcome = example.run(&upstream, SampleUpstream::API_KEY, &[ACCOUNT]);
        assert_eq!((outcome.status, outcome.stdout.as_str()), (Some(1), ""));
        assert!(outcome.stderr.starts_with("unreachable: "), "{}", outcome.stderr);
    }
}
