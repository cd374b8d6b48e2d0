//! Tests of the errors, which are problem documents (RFC 9457).

use crate::scenario::{ACCOUNT, CALLERS_KEY, account, case};
use host_test::{Fault, Reply};
use serde_json::json;

case! {
    async fn each_error_has_its_status(scenario, pass_through) {
        scenario.configuration.set("credwell_max_retries", "0");
        scenario.configuration.set("credwell_negative_cache_seconds", "0");
        let dead = json!({"data": {"credentials": {"a": "b"}, "dead": true, "error": "revoked"}});
        let unhealthy = json!({"data": {"credentials": {"a": "b"}, "healthy": false}});
        for (reply, status, code) in [
            (Reply::status(401), 401, "unauthorized"),
            (Reply::status(403), 403, "forbidden"),
            (Reply::status(404), 404, "not-found"),
            (Reply::status(429), 429, "rate-limited"),
            (Reply::status(500), 502, "upstream-failure"),
            (Reply::status(503), 502, "upstream-failure"),
            (Reply::status(302), 502, "upstream-failure"),
            (Reply::status(200).body("pd-secret-page"), 502, "malformed-response"),
            (Reply::status(200).json(&json!({"data": {}})), 422, "no-credentials"),
            (Reply::status(200).json(&dead), 410, "account-dead"),
            (Reply::status(200).json(&unhealthy), 503, "account-unhealthy"),
            (Reply::failure(Fault::ConnectionRefused), 502, "unreachable"),
            (Reply::failure(Fault::ReadTimeout), 504, "timed-out"),
        ] {
            scenario.upstream.reply(reply);
            let problem = scenario.get(CALLERS_KEY).await;
            assert_eq!(problem.status, status, "{code}");
            assert_eq!(problem.header("content-type"), Some("application/problem+json"));
            assert_eq!(problem.header("cache-control"), Some("no-store"));
            let document = problem.json();
            assert_eq!(document["type"], format!("urn:credwell:problem:{code}"));
            assert_eq!(document["status"], status);
            assert!(document["detail"].as_str().unwrap().len() > 10, "{document}");
            let text = document.to_string();
            assert!(!text.contains("pd-secret") && !text.contains(CALLERS_KEY), "{text}");
        }
    }
}

case! {
    async fn a_rate_limit_is_passed_on_with_its_retry_after(scenario, pass_through) {
        scenario.upstream.reply(Reply::status(429).header("retry-after", "77"));
        let limited = scenario.get(CALLERS_KEY).await;
        assert_eq!((limited.status, limited.header("retry-after")), (429, Some("77")));
    }
}

case! {
    async fn unknown_paths_and_methods_are_refused(scenario, pass_through) {
        for path in ["/", "/v1/accounts/apn_a", "/v1/oauth/token", "/metrics/"] {
            assert_eq!(scenario.send("GET", path, &[], "").await.status, 404, "{path}");
        }
        for (method, path, allow) in [
            ("PUT", ACCOUNT.to_owned(), "GET, HEAD, DELETE, OPTIONS"),
            ("BREW", ACCOUNT.to_owned(), "GET, HEAD, DELETE, OPTIONS"),
            ("GET", format!("{ACCOUNT}/refresh"), "POST, OPTIONS"),
            ("DELETE", "/healthz".to_owned(), "GET, HEAD, OPTIONS"),
        ] {
            let refused = scenario.send(method, &path, &[], "").await;
            assert_eq!((refused.status, refused.header("allow")), (405, Some(allow)), "{method} {path}");
        }
    }
}

case! {
    async fn a_malformed_id_of_a_caller_with_a_key_is_a_bad_request(scenario, pass_through) {
        let headers = [("authorization", "Bearer pd_callers_key_7c1d")];
        for id in ["abc", "apn_", "apn_a%2Fb", "..", "apn_a.b"] {
            let refused = scenario.send("GET", &format!("/v1/accounts/{id}/credentials"), &headers, "").await;
            assert_eq!(refused.status, 400, "{id}");
        }
        assert_eq!(scenario.upstream.count(), 0);
    }
}

case! {
    async fn bodies_are_bounded_and_checked(scenario, pass_through) {
        let large = format!(r#"{{"rejected": "{}"}}"#, "a".repeat(16 * 1024));
        let refused = scenario.refresh(CALLERS_KEY, &large).await;
        assert_eq!(refused.status, 413);
        for body in ["one", "[]", r#"{"rejected": 5}"#] {
            assert_eq!(scenario.refresh(CALLERS_KEY, body).await.status, 400, "{body}");
        }
        assert_eq!(scenario.upstream.count(), 0);
        scenario.upstream.reply(account("one"));
        let fits = format!(r#"{{"rejected": "{}"}}"#, "a".repeat(16 * 1024 - 20));
        assert_eq!(scenario.refresh(CALLERS_KEY, &fits).await.status, 200);
    }
}
