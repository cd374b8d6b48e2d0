//! What is counted, over all instances.

use crate::scenario::{
    ACCOUNT, BROKER_TOKEN, CALLERS_KEY, METRICS_TOKEN, Response, Scenario, account, case, eventually,
};
use host_test::{KeyValueError, Operation, Reply};
use std::time::Duration;

fn enable(scenario: &Scenario) {
    scenario.configuration.set("credwell_broker_metrics_token", METRICS_TOKEN);
}

async fn ask(scenario: &Scenario, token: &str) -> Response {
    scenario.send("GET", "/metrics", &[("authorization", &format!("Bearer {token}"))], "").await
}

/// Waits for a line: an instance counts after its answer.
async fn assert_counts(scenario: &Scenario, line: &str) {
    let mut last = String::new();
    for _ in 0..50 {
        let metrics = ask(scenario, METRICS_TOKEN).await;
        assert_eq!(metrics.status, 200, "{metrics:?}");
        last = String::from_utf8(metrics.body.to_vec()).unwrap();
        if last.lines().any(|found| found == line) {
            return;
        }
    }
    panic!("{line} is not in\n{last}");
}

case! {
    async fn requests_are_counted_by_what_came_of_them(scenario, managed) {
        enable(&scenario);
        scenario.upstream.reply(account("one"));
        scenario.get(BROKER_TOKEN).await;
        for _ in 0..3 {
            scenario.get(BROKER_TOKEN).await;
        }
        scenario.upstream.always(account("two"));
        scenario.refresh(BROKER_TOKEN, r#"{"rejected": "one"}"#).await;
        // Two minutes after its expiry it is stale.
        scenario.clock.advance(Duration::from_secs(3_720));
        let stale = scenario.get(BROKER_TOKEN).await;
        assert!(stale.header("cache-status").unwrap().starts_with("credwell; fwd=stale"), "{stale:?}");
        scenario.upstream.always(Reply::status(404));
        let other = "/v1/accounts/apn_other/credentials";
        let bearer = format!("Bearer {BROKER_TOKEN}");
        scenario.send("GET", other, &[("authorization", &bearer)], "").await;
        scenario.send("DELETE", ACCOUNT, &[("authorization", &bearer)], "").await;
        scenario.send("GET", "/v1/accounts/apn_x/credentials", &[("authorization", &bearer)], "").await;
        for (outcome, count) in
            [("hit", 3), ("miss", 1), ("refresh", 2), ("not-found", 1), ("ok", 1), ("not-allowed", 1), ("timed-out", 0)]
        {
            assert_counts(&scenario, &format!("credwell_requests_total{{outcome=\"{outcome}\"}} {count}")).await;
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
        let metrics = ask(&scenario, METRICS_TOKEN).await;
        assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        assert_eq!(metrics.header("cache-control"), Some("no-store"));
    }
}

case! {
    async fn metrics_need_their_own_token(scenario, managed) {
        // Without one there are none, and nothing is written for them.
        assert_eq!(ask(&scenario, METRICS_TOKEN).await.status, 404);
        scenario.upstream.always(account("one"));
        scenario.get(BROKER_TOKEN).await;
        scenario.log(2).await;
        assert_eq!(scenario.key_value.entries().len(), 1);

        enable(&scenario);
        for token in [BROKER_TOKEN, "", "metrics"] {
            let refused = ask(&scenario, token).await;
            assert_eq!((refused.status, refused.header("www-authenticate")), (401, Some("Bearer")), "{token}");
        }
        assert_eq!(scenario.send("GET", "/metrics", &[], "").await.status, 401);
        // Nor is it a caller's.
        assert_eq!(scenario.get(METRICS_TOKEN).await.status, 401);
        let bearer = format!("Bearer {METRICS_TOKEN}");
        let head = scenario.send("HEAD", "/metrics", &[("authorization", &bearer)], "").await;
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(scenario.send("POST", "/metrics", &[], "").await.status, 405);
    }
}

case! {
    /// Someone who was not let in doesn't make the broker write.
    async fn refused_callers_are_not_counted(scenario, managed) {
        enable(&scenario);
        assert_eq!(scenario.get(CALLERS_KEY).await.status, 401);
        scenario.log(1).await;
        assert_eq!(scenario.key_value.entries(), []);
    }
}

case! {
    async fn a_store_that_does_not_count_fails_the_metrics_and_no_request(scenario, pass_through) {
        enable(&scenario);
        scenario.upstream.always(account("one"));
        scenario.key_value.fail(Operation::Increment, KeyValueError::AccessDenied);
        assert_eq!(scenario.get(CALLERS_KEY).await.status, 200);
        let problem = ask(&scenario, METRICS_TOKEN).await;
        assert_eq!(problem.status, 503);
        assert_eq!(problem.json()["type"], "urn:credwell:problem:no-metrics");
    }
}

case! {
    async fn a_hundred_at_a_time_are_all_counted(scenario, crowd) {
        enable(&scenario);
        scenario.upstream.reply(account("one"));
        scenario.get(CALLERS_KEY).await;
        futures_util::future::join_all((0..100).map(|_| scenario.get(CALLERS_KEY))).await;
        eventually(async || {
            let metrics = ask(&scenario, METRICS_TOKEN).await;
            let text = String::from_utf8(metrics.body.to_vec()).unwrap();
            text.contains("credwell_requests_total{outcome=\"hit\"} 100\n").then_some(())
        })
        .await;
    }
}
