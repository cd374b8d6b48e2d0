//! Tests of entries in the memory of an instance.

use crate::scenario::{CALLERS_KEY, METRICS_TOKEN, account, case};
use host_test::Reply;
use serde_json::json;

case! {
    async fn the_store_of_the_host_is_not_used(scenario, pass_through) {
        scenario.configuration.set("credwell_broker_store", "instance");
        // The instance makes a random encryption key.
        scenario.configuration.remove("credwell_encryption_keys");
        scenario.upstream.reply(account("one"));
        // The host uses the instance again for the second request.
        for cache_status in ["credwell; fwd=miss; ttl=225", "credwell; hit; ttl=225"] {
            let response = scenario.get(CALLERS_KEY).await;
            assert_eq!((response.status, response.token()), (200, "one".into()));
            assert_eq!(response.header("cache-status"), Some(cache_status));
        }
        assert_eq!(scenario.key_value.operations(), []);
        assert_eq!(scenario.upstream.count(), 1);
    }
}

case! {
    /// The metrics would count the requests of one instance only.
    async fn metrics_are_refused_with_the_instance_store(scenario, pass_through) {
        scenario.configuration.set("credwell_broker_store", "instance");
        scenario.configuration.set("credwell_broker_metrics_token", METRICS_TOKEN);
        let problem = scenario.get(CALLERS_KEY).await;
        assert_eq!(problem.status, 500);
        assert!(problem.json()["detail"].as_str().unwrap().contains("credwell_broker_metrics_token"));
    }
}

case! {
    /// The instance has room for 4096 entries. A flood of more requests with made-up keys and ids, which the
    /// upstream refuses, takes none of the room.
    async fn made_up_keys_leave_warm_entries_untouched(scenario, pass_through) {
        scenario.configuration.set("credwell_broker_store", "instance");
        let mut instance = scenario.reused().await;
        let warm_ids: Vec<_> = (0..50).map(|n| format!("apn_{n}")).collect();
        let good = json!({"data": {"credentials": {"oauth_access_token": "one"}}});
        scenario.upstream.always(Reply::status(200).json(&good));
        for id in &warm_ids {
            let response = scenario.get_from(&mut instance, id, CALLERS_KEY).await;
            assert_eq!(response.status, 200);
        }
        assert_eq!(scenario.upstream.count(), 50);
        scenario.upstream.always(Reply::status(401));
        for n in 0..4_200 {
            let (key, id) = (format!("pd_made_up_{n}"), format!("apn_x{n}"));
            assert_eq!(scenario.get_from(&mut instance, &id, &key).await.status, 401);
        }
        assert_eq!(scenario.upstream.count(), 4_250);
        let mut lost = 0;
        for id in &warm_ids {
            lost += u32::from(scenario.get_from(&mut instance, id, CALLERS_KEY).await.status != 200);
        }
        assert_eq!((lost, scenario.upstream.count()), (0, 4_250));
    }
}
