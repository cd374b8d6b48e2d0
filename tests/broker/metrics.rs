//! Tests of the metrics, which count the requests of all instances.

use crate::scenario::{
    ACCOUNT, BROKER_TOKEN, CALLERS_KEY, METRICS_TOKEN, Response, Scenario, account, case, eventually,
};
use host_test::{KeyValueError, Operation, Reply};
use std::time::Duration;

fn enable(scenario: &Scenario) {
    scenario.configuration.set("credwell_broker_metrics_token", METRICS_TOKEN);
}

/// Gets the metrics with this token.
async fn metrics(scenario: &Scenario, token: &str) -> Response {
    scenario.send("GET", "/metrics", &[("authorization", &format!("Bearer {token}"))], "").await
}

/// Waits until the metrics have this line, because an instance counts after its response.
async fn assert_counts(scenario: &Scenario, line: &str) {
    let mut last = String::new();
    for _ in 0..50 {
        let response = metrics(scenario, METRICS_TOKEN).await;
        assert_eq!(response.status, 200, "{response:?}");
        last = String::from_utf8(response.body.to_vec()).unwrap();
        if last.lines().any(|found| found == line) {
            return;
        }
    }
    panic!("{line} is not in\n{last}");
}

case! {
    async fn requests_are_counted_by_their_outcome(scenario, managed) {
        enable(&scenario);
        scenario.upstream.reply(account("one"));
        scenario.get(BROKER_TOKEN).await;
        for _ in 0..3 {
            scenario.get(BROKER_TOKEN).await;
        }
        scenario.upstream.always(account("two"));
        scenario.refresh(BROKER_TOKEN, r#"{"rejected": "one"}"#).await;
        // Two minutes after the expiry of the token, its entry is stale.
        scenario.clock.advance(Duration::from_secs(3_720));
        let stale = scenario.get(BROKER_TOKEN).await;
        assert!(stale.header("cache-status").unwrap().starts_with("credwell; fwd=stale"), "{stale:?}");
        scenario.upstream.always(Reply::status(404));
        let other = "/v1/accounts/apn_other/credentials";
        let bearer = format!("Bearer {BROKER_TOKEN}");
        scenario.send("GET", other, &[("authorization", &bearer)], "").await;
        scenario.send("DELETE", ACCOUNT, &[("authorization", &bearer)], "").await;
        scenario.send("GET", "/v1/accounts/apn_x/credentials", &[("authorization", &bearer)], "").await;
        for (outcome, count) in [
            ("hit", 3),
            ("miss", 1),
            ("refresh", 2),
            ("not-found", 1),
            ("ok", 1),
            ("not-allowed", 1),
            ("timed-out", 0),
        ] {
            let line = format!("credwell_requests_total{{outcome=\"{outcome}\"}} {count}");
            assert_counts(&scenario, &line).await;
        }
        assert_counts(&scenario, "credwell_warnings_total{warning=\"already-expired\"} 1").await;
    }
}

case! {
    async fn the_upstreams_latency_is_a_histogram(scenario, pass_through) {
        enable(&scenario);
        for (id, milliseconds) in [("a", 0_u64), ("b", 60), ("c", 300), ("d", 301)] {
            scenario.upstream.reply(Reply::status(404).head_after(Duration::from_millis(milliseconds)));
            let path = format!("/v1/accounts/apn_{id}/credentials");
            scenario.send("GET", &path, &[("authorization", "Bearer key")], "").await;
        }
        for line in [
            "# TYPE credwell_upstream_request_duration_seconds histogram",
            "credwell_upstream_request_duration_seconds_bucket{le=\"0.05\"} 1",
            "credwell_upstream_request_duration_seconds_bucket{le=\"0.1\"} 2",
            "credwell_upstream_request_duration_seconds_bucket{le=\"0.25\"} 2",
            "credwell_upstream_request_duration_seconds_bucket{le=\"0.5\"} 4",
            "credwell_upstream_request_duration_seconds_bucket{le=\"+Inf\"} 4",
            "credwell_upstream_request_duration_seconds_sum 0.661",
            "credwell_upstream_request_duration_seconds_count 4",
        ] {
            assert_counts(&scenario, line).await;
        }
        let response = metrics(&scenario, METRICS_TOKEN).await;
        assert_eq!(response.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        assert_eq!(response.header("cache-control"), Some("no-store"));
    }
}

case! {
    async fn metrics_need_their_own_token(scenario, managed) {
        // Without the setting there are no metrics, and the broker writes no counter.
        assert_eq!(metrics(&scenario, METRICS_TOKEN).await.status, 404);
        scenario.upstream.always(account("one"));
        scenario.get(BROKER_TOKEN).await;
        scenario.log(2).await;
        assert_eq!(scenario.key_value.entries().len(), 1);

        enable(&scenario);
        for token in [BROKER_TOKEN, "", "metrics"] {
            let refused = metrics(&scenario, token).await;
            assert_eq!(refused.status, 401, "{token}");
            assert_eq!(refused.header("www-authenticate"), Some("Bearer"), "{token}");
        }
        assert_eq!(scenario.send("GET", "/metrics", &[], "").await.status, 401);
        // The token for metrics gets no credentials.
        assert_eq!(scenario.get(METRICS_TOKEN).await.status, 401);
        let bearer = format!("Bearer {METRICS_TOKEN}");
        let head = scenario.send("HEAD", "/metrics", &[("authorization", &bearer)], "").await;
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(scenario.send("POST", "/metrics", &[], "").await.status, 405);
    }
}

case! {
    /// A caller without a valid token must not cause a write to the store.
    async fn refused_callers_are_not_counted(scenario, managed) {
        enable(&scenario);
        assert_eq!(scenario.get(CALLERS_KEY).await.status, 401);
        scenario.log(1).await;
        assert_eq!(scenario.key_value.entries(), []);
    }
}

case! {
    async fn a_store_that_can_not_count_fails_the_metrics_and_no_other_request(scenario, pass_through) {
        enable(&scenario);
        scenario.upstream.always(account("one"));
        scenario.key_value.fail(Operation::Increment, KeyValueError::AccessDenied);
        assert_eq!(scenario.get(CALLERS_KEY).await.status, 200);
        let problem = metrics(&scenario, METRICS_TOKEN).await;
        assert_eq!(problem.status, 503);
        assert_eq!(problem.json()["type"], "urn:credwell:problem:no-metrics");
    }
}

case! {
    async fn a_hundred_concurrent_requests_are_all_counted(scenario, crowd) {
        enable(&scenario);
        scenario.upstream.reply(account("one"));
        scenario.get(CALLERS_KEY).await;
        futures_util::future::join_all((0..100).map(|_| scenario.get(CALLERS_KEY))).await;
        eventually(async || {
            let response = metrics(&scenario, METRICS_TOKEN).await;
            let text = String::from_utf8(response.body.to_vec()).unwrap();
            text.contains("credwell_requests_total{outcome=\"hit\"} 100\n").then_some(())
        })
        .await;
    }
}
