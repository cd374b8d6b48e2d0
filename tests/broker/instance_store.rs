//! Tests of entries in the memory of an instance. On the test host an instance serves one request, so no
//! entry is read again. The tests of `wasmtime serve` have instances that serve many requests.

use crate::scenario::{CALLERS_KEY, METRICS_TOKEN, account, case};

case! {
    async fn the_store_of_the_host_is_not_used(scenario, pass_through) {
        scenario.configuration.set("credwell_broker_store", "instance");
        // The instance makes a random encryption key.
        scenario.configuration.remove("credwell_encryption_keys");
        for token in ["one", "two"] {
            scenario.upstream.reply(account(token));
            let response = scenario.get(CALLERS_KEY).await;
            assert_eq!((response.status, response.token()), (200, token.into()));
            assert_eq!(response.header("cache-status"), Some("credwell; fwd=miss; ttl=225"));
        }
        assert_eq!(scenario.key_value.operations(), []);
        assert_eq!(scenario.upstream.count(), 2);
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
