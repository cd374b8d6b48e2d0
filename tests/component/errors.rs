//! Tests of the errors for the upstream's statuses and for network errors.

use crate::scenario::{Account, Scenario, assert_error, case, secret};
use host_test::{Error, Fault, Refused, Reply};
use std::time::Duration;

case! {
    async fn each_status_has_its_error(scenario, builder => builder
        .config("credwell_max_retries", "0")
        .config("credwell_negative_cache_seconds", "0")
    ) {
        for (status, expected) in [
            (301, "upstream-failure"),
            (302, "upstream-failure"),
            (304, "upstream-failure"),
            (307, "upstream-failure"),
            (400, "upstream-failure"),
            (401, "unauthorized"),
            (403, "forbidden"),
            (404, "not-found"),
            (405, "upstream-failure"),
            (410, "upstream-failure"),
            (418, "upstream-failure"),
            (429, "rate-limited"),
            (500, "upstream-failure"),
            (502, "upstream-failure"),
            (503, "upstream-failure"),
            (504, "upstream-failure"),
            (599, "upstream-failure"),
        ] {
            // The body of an error response must not reach the caller.
            scenario.reply(Reply::status(status).body(r#"{"error": "s3cr3t-in-the-body", "code": 1}"#));
            let result = scenario.get().await;
            assert_error(&result, expected);
            if let Err(Error::UpstreamFailure(failure)) = &result {
                assert_eq!(failure.status, status);
                assert!(failure.message.contains(&status.to_string()));
            }
        }
    }
}

case! {
    async fn an_empty_or_odd_success_is_malformed(scenario) {
        for reply in [
            Reply::status(200),
            Reply::status(204),
            Reply::status(206).body("{"),
            Reply::status(200).body("<html>s3cr3t-page</html>"),
            Reply::status(200).body("null"),
            Reply::status(200).body("[]"),
            Reply::status(200).body(r#"{"data": "s3cr3t-text"}"#),
            Reply::status(200).body(r#"{"data": {"credentials": "s3cr3t-text"}}"#),
            Reply::status(200).body(vec![0xff, 0xfe]),
        ] {
            scenario.reply(reply);
            assert_error(&scenario.get().await, "malformed-response");
        }
    }
}

case! {
    async fn each_network_error_has_its_error_and_its_code(scenario, builder => builder
        .config("credwell_max_retries", "0")
    ) {
        for failure in Fault::ALL {
            scenario.reply(Reply::failure(failure));
            let error = scenario.get().await.unwrap_err();
            let (expected, code) = match failure {
                Fault::Dns => ("unreachable", "DNS-error"),
                Fault::DnsTimeout => ("timed-out", "DNS-timeout"),
                Fault::ConnectTimeout => ("timed-out", "credwell_connect_timeout_ms"),
                Fault::ReadTimeout | Fault::ResponseTimeout => {
                    ("timed-out", "credwell_first_byte_timeout_ms")
                }
                Fault::ConnectionRefused => ("unreachable", "connection-refused"),
                Fault::DestinationIpProhibited => ("unreachable", "destination-IP-prohibited"),
                Fault::RequestDenied => ("unreachable", "HTTP-request-denied"),
                Fault::TlsProtocol => ("unreachable", "TLS-protocol-error"),
                Fault::TlsCertificate => ("unreachable", "TLS-certificate-error"),
                Fault::ConnectionTerminated => ("unreachable", "connection-terminated"),
                Fault::ResponseIncomplete => ("unreachable", "HTTP-response-incomplete"),
                Fault::HttpProtocol => ("unreachable", "HTTP-protocol-error"),
                Fault::NothingScripted => unreachable!("not in the list"),
            };
            assert_eq!(error.case().name(), expected, "{failure:?}: {error:?}");
            assert!(format!("{error:?}").contains(code), "{failure:?}: {error:?}");
        }
    }
}

case! {
    async fn a_body_that_breaks_off_is_an_error_and_nothing_is_cached(scenario, builder => builder
        .config("credwell_max_retries", "0")
    ) {
        let whole = serde_json::json!({"data": Account::oauth("1").0}).to_string();
        for failure in [Fault::ConnectionTerminated, Fault::ResponseIncomplete, Fault::HttpProtocol] {
            for length in [0, 10, whole.len()] {
                let chunks = [(Duration::ZERO, whole.as_bytes()[..length].to_vec())];
                scenario.reply(Reply::status(200).chunks(chunks).breaking_with(failure));
                assert_error(&scenario.get().await, "unreachable");
            }
        }
        assert!(scenario.harness.key_value.entries().is_empty());
    }
}

case! {
    async fn a_failure_of_the_upstream_has_the_upstreams_wait(
        scenario, builder => builder.config("credwell_max_retries", "0")
    ) {
        for status in [500, 502, 503, 504] {
            let failing = || Reply::status(status);
            assert_eq!(retry_after(&scenario, failing()).await, None);
            assert_eq!(retry_after(&scenario, failing().header("retry-after", "7")).await, Some(7));
            assert_eq!(retry_after(&scenario, failing().header("x-ratelimit-reset", "7")).await, None);
        }
    }
}

case! {
    async fn a_refused_key_is_told_from_a_refused_client(scenario) {
        scenario.reply(Reply::status(401));
        let Err(Error::Unauthorized(refusal)) = scenario.get().await else { panic!("not unauthorized") };
        assert_eq!(refusal.refused, Refused::ApiKey);
        assert!(refusal.message.contains("credwell_api_key"), "{refusal:?}");
    }
}

case! {
    /// The component doesn't send the key to the target of a redirect.
    async fn redirects_are_not_followed(scenario) {
        scenario.reply(Reply::status(307).header("location", "https://elsewhere.example/steal"));
        let error = scenario.get().await.unwrap_err();
        assert!(matches!(&error, Error::UpstreamFailure(failure) if failure.message.contains("redirects")));
        assert_eq!(scenario.requests(), 1);
    }
}

async fn retry_after(scenario: &Scenario, reply: Reply) -> Option<u64> {
    // Each call has a key of its own, because a wait holds off all calls with the same key.
    let key = secret(&format!("key-{}", scenario.requests()));
    scenario.configuration().set("credwell_api_key", key);
    scenario.reply(reply);
    match scenario.get().await {
        Err(Error::RateLimited(limit)) => limit.retry_after,
        Err(Error::UpstreamFailure(failure)) => failure.retry_after,
        other => panic!("expected an error with a wait, got {:?}", other.err()),
    }
}

case! {
    async fn a_rate_limit_has_the_upstreams_wait(
        scenario, builder => builder.config("credwell_max_retries", "0")
    ) {
        let limited = || Reply::status(429);
        assert_eq!(retry_after(&scenario, limited()).await, None);
        assert_eq!(retry_after(&scenario, limited().header("retry-after", "7")).await, Some(7));
        // The clock stands at 2026-01-01T00:00:03Z, a Thursday, and the calls take no time.
        let date = "Thu, 01 Jan 2026 00:00:33 GMT";
        assert_eq!(retry_after(&scenario, limited().header("retry-after", date)).await, Some(30));
        assert_eq!(retry_after(&scenario, limited().header("x-ratelimit-reset", "9")).await, Some(9));
        assert_eq!(
            retry_after(&scenario, limited().header("x-ratelimit-reset", "1767225643")).await,
            Some(40)
        );
        assert_eq!(retry_after(&scenario, limited().header("retry-after", "soon")).await, None);
    }
}
