//! Entries in the instance's own memory. On this host an instance answers one request, so what it kept is gone;
//! `wasmtime serve` shows what comes of more.

use crate::scenario::{CALLERS_KEY, METRICS_TOKEN, account, case};

case! {
    async fn the_hosts_store_is_left_alone(scenario, pass_through) {
        scenario.configuration.set("credwell_broker_store", "instance");
        // It draws one of its own.
        scenario.configuration.remove("credwell_encryption_keys");
        for token in ["one", "two"] {
            scenario.upstream.reply(account(token));
            let response = scenario.get(CALLERS_KEY).await;
            assert_eq!((response.status, response.token()), (200, token.into()));
            assert_eq!(response.header("cache-status"), Some("credwell; fwd=miss; ttl=3600"));
        }
        assert_eq!(scenario.key_value.operations(), []);
        assert_eq!(scenario.upstream.count(), 2);
    }
}

case! {
    /// They would be those of one instance.
    async fn metrics_are_refused_with_it(scenario, pass_through) {
        scenario.configuration.set("credwell_broker_store", "instance");
        scenario.configuration.set("credwell_broker_metrics_token", METRICS_TOKEN);
        let problem = scenario.get(CALLERS_KEY).await;
        assert_eq!(problem.status, 500);
        assert!(problem.json()["detail"].as_str().unwrap().contains("credwell_broker_metrics_token"));
    }
}
