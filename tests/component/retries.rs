//! Tests of the retries of a request to the upstream.

use crate::scenario::{Account, Scenario, assert_error, assert_token, case, secret};
use host_test::{Fault, Reply, Source};
use std::time::Duration;

/// The times between consecutive requests.
fn waits(scenario: &Scenario) -> Vec<Duration> {
    let requests = scenario.harness.upstream.requests();
    requests.windows(2).map(|pair| pair[1].at - pair[0].at).collect()
}

case! {
    async fn a_temporary_error_is_retried_at_most_twice(scenario) {
        for reply in [
            Reply::status(429),
            Reply::status(502),
            Reply::status(503),
            Reply::status(504),
            Reply::failure(Fault::Dns),
            Reply::failure(Fault::ConnectionRefused),
            Reply::failure(Fault::ConnectionTerminated),
            Reply::failure(Fault::TlsProtocol),
            Reply::failure(Fault::HttpProtocol),
            Reply::failure(Fault::ReadTimeout),
            Reply::failure(Fault::ConnectTimeout),
        ] {
            let before = scenario.requests();
            for _ in 0..3 {
                scenario.reply(reply.clone());
            }
            assert!(scenario.get().await.is_err());
            assert_eq!(scenario.requests(), before + 3, "{reply:?}");
        }
    }
}

case! {
    async fn the_first_success_ends_the_retries(scenario) {
        for failures in 1..=2 {
            for _ in 0..failures {
                scenario.reply(Reply::status(503));
            }
            scenario.reply(Account::oauth("1"));
            assert_token(&scenario.get().await, "1", Source::Upstream);
            scenario.forget().await.unwrap();
        }
        assert_eq!(scenario.requests(), 5);
    }
}

case! {
    async fn a_permanent_error_is_not_retried(scenario, builder => builder
        .config("credwell_negative_cache_seconds", "0")
    ) {
        for reply in [
            Reply::status(400),
            Reply::status(401),
            Reply::status(403),
            Reply::status(404),
            Reply::status(500),
            Reply::status(501),
            Reply::status(302),
            Reply::status(200).body("{"),
            Reply::failure(Fault::RequestDenied),
            Reply::failure(Fault::DestinationIpProhibited),
        ] {
            let before = scenario.requests();
            scenario.reply(reply.clone());
            assert!(scenario.get().await.is_err());
            assert_eq!(scenario.requests(), before + 1, "{reply:?}");
        }
    }
}

case! {
    async fn the_number_of_retries_is_configurable(scenario) {
        for retries in [0, 1, 5] {
            scenario.configuration().set("credwell_max_retries", retries.to_string());
            let before = scenario.requests();
            for _ in 0..=retries {
                scenario.reply(Reply::status(503));
            }
            assert_error(&scenario.get().await, "upstream-failure");
            assert_eq!(scenario.requests(), before + retries + 1);
        }
    }
}

case! {
    /// Full jitter: the waits are random, from zero to 250 ms, 500 ms, 1 s, and so on.
    async fn the_waits_grow_and_are_jittered(scenario, builder => builder
        .config("credwell_max_retries", "5")
        .config("credwell_deadline_ms", "600000")
    ) {
        for _ in 0..6 {
            scenario.reply(Reply::status(503));
        }
        assert_error(&scenario.get().await, "upstream-failure");
        let waits = waits(&scenario);
        assert_eq!(waits.len(), 5);
        for (n, wait) in waits.iter().enumerate() {
            // The test's clock has a resolution of a millisecond.
            let longest = Duration::from_millis(250 << n) + Duration::from_millis(2);
            assert!(*wait <= longest, "{waits:?}");
        }
        assert!(waits.iter().any(|wait| *wait > Duration::from_millis(250)), "{waits:?}");
    }
}

case! {
    async fn two_hosts_do_not_retry_at_the_same_times(scenario) {
        let other = scenario.second_host(|builder| {
            builder.entropy(host_test::Entropy::seeded(1)).key_value(host_test::MemoryKeyValue::new())
        });
        for _ in 0..6 {
            scenario.reply(Reply::status(503));
        }
        assert!(scenario.get().await.is_err());
        assert!(other.get().await.is_err());
        let waits = waits(&scenario);
        assert_ne!(waits[..2], waits[3..]);
    }
}

case! {
    /// The header has seconds or a date.
    async fn the_upstreams_retry_after_is_honoured(scenario) {
        for (header, value, seconds) in
            [("retry-after", "3", 3), ("retry-after", "0", 0), ("x-ratelimit-reset", "4", 4)]
        {
            let before = scenario.requests();
            scenario.reply(Reply::status(429).header(header, value));
            scenario.reply(Account::oauth("1"));
            assert_token(&scenario.get().await, "1", Source::Upstream);
            let wait = waits(&scenario)[before];
            let expected = Duration::from_secs(seconds);
            // The jitter of the first retry is less than 250 ms. It applies if the upstream demands a shorter
            // wait.
            let longest = expected.max(Duration::from_millis(250)) + Duration::from_millis(5);
            assert!(wait >= expected && wait <= longest, "{header}: {wait:?}");
            scenario.forget().await.unwrap();
        }
        scenario.harness.clock.set_wall(host_test::START_UNIX_MS);
        // Another key, because the first one was held off at a later time of day.
        scenario.configuration().set("credwell_api_key", secret("other-key"));
        let before = scenario.requests();
        scenario.reply(Reply::status(503).header("retry-after", "Thu, 01 Jan 2026 00:00:08 GMT"));
        scenario.reply(Account::oauth("1"));
        assert_token(&scenario.get().await, "1", Source::Upstream);
        let wait = waits(&scenario)[before];
        assert!(wait > Duration::from_millis(4900) && wait < Duration::from_millis(5050), "{wait:?}");
    }
}

case! {
    /// Many APIs send `X-RateLimit-Reset` with every response. It is no wait after a failure of the upstream.
    async fn a_reset_of_the_rate_limit_does_not_delay_other_retries(scenario) {
        for status in [502, 503, 504] {
            let before = scenario.requests();
            scenario.reply(Reply::status(status).header("x-ratelimit-reset", "300"));
            scenario.reply(Account::oauth("1"));
            assert_token(&scenario.get().await, "1", Source::Upstream);
            assert!(waits(&scenario)[before] <= Duration::from_millis(255), "{status}");
            scenario.forget().await.unwrap();
        }
    }
}

case! {
    /// For a wait above 20 s the caller decides.
    async fn a_long_retry_after_is_not_waited_for(scenario) {
        scenario.reply(Reply::status(429).header("retry-after", "21"));
        assert_error(&scenario.get().await, "rate-limited");
        assert_eq!(scenario.requests(), 1);
    }
}

case! {
    async fn no_wait_outlasts_the_deadline(
        scenario, builder => builder.config("credwell_deadline_ms", "2000")
    ) {
        let before = tokio::time::Instant::now();
        scenario.reply(Reply::status(429).header("retry-after", "3"));
        assert_error(&scenario.get().await, "rate-limited");
        assert_eq!(scenario.requests(), 1);
        assert!(before.elapsed() < Duration::from_millis(100));
    }
}
