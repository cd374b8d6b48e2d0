//! Tests of the log: one line for each request, without a secret.

use crate::scenario::{ACCOUNT, BROKER_TOKEN, CALLERS_KEY, account, case};
use host_test::Reply;
use serde_json::json;
use std::time::Duration;

case! {
    async fn a_line_has_the_outcome_of_a_request(scenario, pass_through) {
        scenario.upstream.reply(account("one").head_after(Duration::from_millis(40)));
        scenario.get(CALLERS_KEY).await;
        scenario.get(CALLERS_KEY).await;
        let lines = scenario.log(2).await;
        let hash = lines[0]["account"].as_str().unwrap();
        assert!(hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{hash}");
        assert_eq!(
            lines[0],
            json!({
                "time": host_test::START_UNIX_MS, "method": "GET", "action": "get", "account": hash,
                "status": 200, "outcome": "miss", "duration": 40, "upstream_requests": 1,
                "upstream_duration": 40, "warnings": [],
            })
        );
        assert_eq!(
            (&lines[1]["outcome"], &lines[1]["account"], &lines[1]["upstream_requests"]),
            (&json!("hit"), &json!(hash), &json!(0))
        );
    }
}

case! {
    /// The line counts each retry.
    async fn a_failure_is_named(scenario, managed) {
        scenario.configuration.set("credwell_max_retries", "1");
        scenario.upstream.always(Reply::status(503));
        scenario.get(BROKER_TOKEN).await;
        let line = &scenario.log(1).await[0];
        assert_eq!((&line["status"], &line["outcome"]), (&json!(502), &json!("upstream-failure")));
        assert_eq!(line["upstream_requests"], 2);
    }
}

case! {
    async fn each_account_of_each_caller_has_its_own_hash(scenario, pass_through) {
        scenario.upstream.always(account("one"));
        scenario.get(CALLERS_KEY).await;
        scenario.get("pd_another_callers_key").await;
        scenario.send("GET", "/v1/accounts/apn_b/credentials", &[("authorization", "Bearer k")], "").await;
        let mut hashes: Vec<_> =
            scenario.log(3).await.iter().map(|line| line["account"].to_string()).collect();
        hashes.sort();
        hashes.dedup();
        assert_eq!(hashes.len(), 3);
    }
}

case! {
    /// No text of a caller breaks the line or appears in it.
    async fn every_request_has_its_line(scenario, managed) {
        let cases = [
            ("GET", "/healthz", "health", "ok"),
            ("OPTIONS", ACCOUNT, "options", "ok"),
            ("GET", "/apn_EOhwvQr", "none", "no-such-path"),
            ("PUT", ACCOUNT, "none", "no-such-method"),
            ("GET", ACCOUNT, "get", "unauthenticated"),
        ];
        for (number, (method, path, action, outcome)) in cases.into_iter().enumerate() {
            scenario.send(method, path, &[], "").await;
            let line = scenario.log(number + 1).await.pop().unwrap();
            assert_eq!((&line["method"], &line["action"]), (&json!(method), &json!(action)), "{path}");
            assert_eq!((&line["outcome"], line.get("account")), (&json!(outcome), None));
        }
        scenario.send("BREW", ACCOUNT, &[], "").await;
        assert_eq!(scenario.log(cases.len() + 1).await.pop().unwrap()["method"], "other");
    }
}

case! {
    async fn warnings_are_named(scenario, managed) {
        scenario.upstream.reply(account("one"));
        scenario.get(BROKER_TOKEN).await;
        scenario.clock.advance(Duration::from_secs(3_580));
        scenario.upstream.always(Reply::status(500));
        assert_eq!(scenario.get(BROKER_TOKEN).await.status, 200);
        let line = &scenario.log(2).await[1];
        assert_eq!((&line["outcome"], &line["warnings"]), (&json!("hit"), &json!(["refresh-failed"])));
    }
}
