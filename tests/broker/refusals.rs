//! Tests of the upstream's refusals: they end the service of cached credentials at once.

use crate::scenario::{BROKER_TOKEN, CALLERS_KEY, account, case};
use host_test::{Fault, Reply};
use serde_json::json;
use std::time::Duration;

case! {
    /// The upstream refuses the key within the recheck interval, on a refresh of a stale entry.
    async fn a_refused_refresh_ends_the_service(scenario, pass_through) {
        for negative_age in ["0", "30"] {
            scenario.configuration.set("credwell_negative_cache_seconds", negative_age);
            for (reply, status) in [
                (Reply::status(401), 401),
                (Reply::status(403), 403),
                (Reply::status(404), 404),
                (Reply::status(200).json(&json!({"data": {"dead": true}})), 410),
            ] {
                scenario.upstream.always(account("one"));
                assert_eq!(scenario.get(CALLERS_KEY).await.status, 200);
                scenario.clock.advance(Duration::from_secs(260));
                scenario.upstream.always(reply);
                assert_eq!(scenario.get(CALLERS_KEY).await.status, status);
                assert_eq!(scenario.get(CALLERS_KEY).await.status, status);
                scenario.clock.advance(Duration::from_secs(30));
            }
        }
    }
}

case! {
    /// The upstream refuses the key on a forced refresh. The next plain request is no hit.
    async fn a_refused_forced_refresh_ends_the_service(scenario, pass_through) {
        for status in [401, 403, 404] {
            scenario.upstream.always(account("one"));
            assert_eq!(scenario.get(CALLERS_KEY).await.status, 200);
            scenario.clock.advance(Duration::from_secs(2));
            scenario.upstream.always(Reply::status(status));
            assert_eq!(scenario.force(CALLERS_KEY).await.status, status);
            assert_eq!(scenario.get(CALLERS_KEY).await.status, status);
            scenario.clock.advance(Duration::from_secs(30));
        }
    }
}

case! {
    async fn stale_credentials_serve_while_the_upstream_can_not_be_asked(scenario, pass_through) {
        scenario.configuration.set("credwell_max_retries", "0");
        for reply in [
            Reply::failure(Fault::ConnectionRefused),
            Reply::status(500),
            Reply::status(429),
            Reply::status(200).body("<html>"),
            Reply::status(200).head_after(Duration::from_secs(60)),
            Reply::status(200).json(&json!({"data": {"healthy": false, "credentials": {"a": 1}}})),
        ] {
            scenario.upstream.always(account("one"));
            scenario.delete(CALLERS_KEY).await;
            scenario.get(CALLERS_KEY).await;
            scenario.clock.advance(Duration::from_secs(260));
            scenario.upstream.always(reply);
            let response = scenario.get(CALLERS_KEY).await;
            assert_eq!((response.status, response.token()), (200, "one".into()));
            assert!(response.header("cache-status").expect("it is there").contains("refresh-failed"));
        }
    }
}

case! {
    /// A 401 of the configured key can be a slip of the operator while the key is rotated.
    async fn a_refused_key_of_the_broker_keeps_valid_credentials(scenario, managed) {
        scenario.upstream.reply(account("one"));
        scenario.get(BROKER_TOKEN).await;
        scenario.upstream.always(Reply::status(401));
        scenario.clock.advance(Duration::from_secs(2));
        assert_eq!(scenario.force(BROKER_TOKEN).await.status, 502);
        assert_eq!(scenario.get(BROKER_TOKEN).await.token(), "one");
        scenario.clock.advance(Duration::from_secs(3_545));
        let stale = scenario.get(BROKER_TOKEN).await;
        assert_eq!(stale.token(), "one");
        assert!(stale.header("cache-status").expect("it is there").contains("refresh-failed"));
        scenario.clock.advance(Duration::from_secs(60));
        assert_eq!(scenario.get(BROKER_TOKEN).await.status, 502);
    }
}

case! {
    /// The caller can't change a setting of the broker.
    async fn a_refused_callers_key_is_named_as_the_callers(scenario, pass_through) {
        scenario.upstream.reply(Reply::status(401));
        let refused = scenario.get(CALLERS_KEY).await;
        let detail = refused.json()["detail"].as_str().expect("a text").to_owned();
        assert!(detail.contains("the API key of the request") && !detail.contains("credwell_"), "{detail}");
    }
}
