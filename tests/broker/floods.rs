//! Tests of floods: requests with made-up keys and ids must not disturb the entries of others.

use crate::scenario::{CALLERS_KEY, case};
use futures_util::future::join_all;
use host_test::Reply;
use serde_json::json;
use std::time::Duration;

case! {
    /// The upstream refuses the made-up keys, limits their rate, or fails.
    async fn made_up_keys_leave_warm_entries_untouched(scenario, crowd) {
        scenario.configuration.set("credwell_max_retries", "0");
        let good = json!({"data": {"credentials": {"oauth_access_token": "one"}}});
        scenario.upstream.always(Reply::status(200).json(&good));
        let warm_ids: Vec<_> = (0..50).map(|n| format!("apn_{n}")).collect();
        for id in &warm_ids {
            scenario.get_account(id, CALLERS_KEY).await;
        }
        let warm = scenario.key_value.entries();
        assert_eq!(warm.len(), 50);
        for reply in [
            Reply::status(401),
            Reply::status(429).header("retry-after", "20"),
            Reply::status(503),
            Reply::status(200).head_after(Duration::from_secs(60)),
        ] {
            scenario.upstream.always(reply);
            let requests = (0..150).map(async |n| {
                // Two callers at a time have the same key and id, so that failures are shared.
                let (key, id) = (format!("pd_made_up_{}", n / 2), format!("apn_x{}", n / 2));
                scenario.get_account(&id, &key).await.status
            });
            assert!(join_all(requests).await.iter().all(|status| *status != 200));
        }
        let after = scenario.key_value.entries();
        assert!(warm.iter().all(|entry| after.contains(entry)));
        // What is left of the flood is in slots, of which there are 512.
        let others = after.iter().filter(|entry| !warm.contains(entry));
        assert_eq!(others.filter(|(_, key, _)| !key.starts_with("credwell.")).count(), 0);
    }
}

case! {
    /// A key that the upstream refuses leaves nothing, whatever the request.
    async fn a_refused_key_writes_nothing(scenario, pass_through) {
        scenario.upstream.always(Reply::status(401));
        assert_eq!(scenario.get("pd_made_up").await.status, 401);
        assert_eq!(scenario.force("pd_made_up").await.status, 401);
        assert_eq!(scenario.refresh("pd_made_up", r#"{"rejected": "one"}"#).await.status, 401);
        assert_eq!(scenario.delete("pd_made_up").await.status, 204);
        assert_eq!(scenario.key_value.entries().len(), 0);
    }
}
