//! Tests of the HTTP API.

use crate::scenario::{ACCOUNT, CALLERS_KEY, account, case};
use host_test::Reply;
use serde_json::json;
use std::time::Duration;

case! {
    /// The body has the shape of the upstream's response, and the headers name its source.
    async fn the_body_is_the_body_of_the_upstream(scenario, pass_through) {
        scenario.upstream.reply(account("one"));
        let first = scenario.get(CALLERS_KEY).await;
        assert_eq!(first.status, 200);
        assert_eq!(
            first.json(),
            json!({"data": {
                "id": "apn_EOhwvQr",
                "credentials": {"oauth_access_token": "one", "custom": [1, "two"]},
                "expires_at": "2026-01-01T01:00:03.000Z",
                "app": {"name_slug": "slack"},
            }})
        );
        assert_eq!(first.header("content-type"), Some("application/json"));
        assert_eq!(first.header("cache-control"), Some("no-store"));
        assert_eq!(first.header("age"), Some("0"));
        assert_eq!(first.header("cache-status"), Some("credwell; fwd=miss; ttl=225"));
        assert_eq!(first.header("etag"), None);

        scenario.clock.advance(Duration::from_secs(100));
        let second = scenario.get(CALLERS_KEY).await;
        assert_eq!(second.body, first.body);
        assert_eq!(second.header("age"), Some("100"));
        assert_eq!(second.header("cache-status"), Some("credwell; hit; ttl=125"));
        assert_eq!(scenario.upstream.count(), 1);
    }
}

case! {
    async fn no_cache_forces_a_refresh(scenario, pass_through) {
        scenario.upstream.reply(account("one"));
        scenario.upstream.reply(account("two"));
        scenario.get(CALLERS_KEY).await;
        let authorization = ("authorization", "Bearer pd_callers_key_7c1d");
        let headers = [authorization, ("cache-control", "max-age=0, no-cache")];
        // The first response is fresh enough for a second.
        assert_eq!(scenario.send("GET", ACCOUNT, &headers, "").await.token(), "one");
        scenario.clock.advance(Duration::from_secs(1));
        let forced = scenario.send("GET", ACCOUNT, &headers, "").await;
        assert_eq!(forced.token(), "two");
        assert_eq!(forced.header("cache-status"), Some("credwell; fwd=request; ttl=225"));
        assert_eq!(scenario.get(CALLERS_KEY).await.token(), "two");

        // The lines of a repeated header are one list.
        scenario.upstream.reply(account("three"));
        scenario.clock.advance(Duration::from_secs(1));
        let lines = [authorization, ("cache-control", "no-cache"), ("cache-control", "max-age=0")];
        assert_eq!(scenario.send("GET", ACCOUNT, &lines, "").await.token(), "three");
    }
}

case! {
    /// The rule of `refresh-credentials` in the WIT: later callers with the same rejected token fetch
    /// nothing.
    async fn a_rejected_token_is_replaced_once(scenario, pass_through) {
        scenario.upstream.reply(account("one"));
        scenario.upstream.reply(account("two"));
        scenario.get(CALLERS_KEY).await;
        for _ in 0..5 {
            let refreshed = scenario.refresh(CALLERS_KEY, r#"{"rejected": "one"}"#).await;
            assert_eq!((refreshed.status, refreshed.token()), (200, json!("two")));
        }
        assert_eq!(scenario.upstream.count(), 2);
        // Without a rejected token, the broker fetches once the cached response is a second old.
        assert_eq!(scenario.refresh(CALLERS_KEY, "").await.token(), "two");
        scenario.clock.advance(Duration::from_secs(1));
        scenario.upstream.reply(account("three"));
        assert_eq!(scenario.refresh(CALLERS_KEY, "").await.token(), "three");
    }
}

case! {
    async fn the_cache_status_has_the_warnings(scenario, pass_through) {
        scenario.upstream.reply(account("one"));
        scenario.get(CALLERS_KEY).await;
        scenario.upstream.reply(account("one"));
        let unchanged = scenario.refresh(CALLERS_KEY, r#"{"rejected": "one"}"#).await;
        assert_eq!(
            unchanged.header("cache-status"),
            Some("credwell; fwd=request; ttl=225; detail=token-unchanged")
        );
        scenario.key_value.remove_bucket("default");
        scenario.upstream.reply(account("two"));
        let degraded = scenario.get(CALLERS_KEY).await;
        assert_eq!(
            degraded.header("cache-status"),
            Some("credwell; fwd=miss; ttl=225; detail=cache-degraded")
        );
    }
}

case! {
    async fn delete_forgets(scenario, pass_through) {
        scenario.upstream.reply(account("one"));
        scenario.upstream.reply(account("two"));
        scenario.get(CALLERS_KEY).await;
        let headers = [("authorization", "Bearer pd_callers_key_7c1d")];
        let deleted = scenario.send("DELETE", ACCOUNT, &headers, "").await;
        assert_eq!((deleted.status, deleted.body.len()), (204, 0));
        // A tombstone is left, which has no content.
        let entries = scenario.key_value.entries();
        assert!(entries.len() == 1 && entries[0].2.len() < 100, "{entries:?}");
        assert_eq!(scenario.get(CALLERS_KEY).await.token(), "two");
    }
}

case! {
    async fn head_is_get_without_the_body(scenario, pass_through) {
        scenario.upstream.reply(account("one"));
        let headers = [("authorization", "Bearer pd_callers_key_7c1d")];
        let head = scenario.send("HEAD", ACCOUNT, &headers, "").await;
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(head.header("content-type"), Some("application/json"));
        assert_eq!(head.header("cache-status"), Some("credwell; fwd=miss; ttl=225"));
        let refused = scenario.send("HEAD", ACCOUNT, &[], "").await;
        assert_eq!((refused.status, refused.body.len()), (401, 0));
    }
}

case! {
    /// Neither request needs a key or the upstream.
    async fn options_and_health(scenario, pass_through) {
        let options = scenario.send("OPTIONS", ACCOUNT, &[], "").await;
        assert_eq!((options.status, options.header("allow")), (204, Some("GET, HEAD, DELETE, OPTIONS")));
        let health = scenario.send("GET", "/healthz", &[], "").await;
        assert_eq!((health.status, health.json()), (200, json!({"status": "ok"})));
        assert_eq!(scenario.send("HEAD", "/healthz", &[], "").await.status, 200);
        assert_eq!(scenario.upstream.count(), 0);
        assert!(scenario.key_value.operations().is_empty());
    }
}

case! {
    async fn a_large_account_is_passed_on_whole(scenario, pass_through) {
        let note = "é".repeat(200_000);
        scenario.upstream.reply(Reply::status(200).json(&json!({"data": {
            "credentials": {"oauth_access_token": "one"}, "note": note,
        }})));
        for _ in 0..2 {
            assert_eq!(scenario.get(CALLERS_KEY).await.json()["data"]["note"], note.as_str());
        }
    }
}
