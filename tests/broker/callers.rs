//! Who may have what.

use crate::scenario::{ACCOUNT, BROKER_TOKEN, CALLERS_KEY, Scenario, account, case};
use host_test::Reply;
use std::time::Duration;

/// Whatever a caller sends in place of a valid token.
async fn assert_refused(scenario: &Scenario, authorization: &[&str]) {
    for text in authorization {
        for (method, path) in [
            ("GET", ACCOUNT.to_owned()),
            ("DELETE", ACCOUNT.to_owned()),
            ("POST", format!("{ACCOUNT}/refresh")),
            ("GET", "/v1/accounts/not-an-id/credentials".to_owned()),
        ] {
            let headers = [("authorization", *text)];
            let headers = if text.is_empty() { &[] } else { &headers[..] };
            let refused = scenario.send(method, &path, headers, "").await;
            assert_eq!(refused.status, 401, "{method} {path} {text}");
            assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
        }
    }
    assert_eq!(scenario.upstream.count(), 0);
    assert!(scenario.key_value.operations().is_empty());
}

case! {
    async fn nobody_gets_anything_without_a_key(scenario, pass_through) {
        assert_refused(&scenario, &["", "Bearer", "Bearer ", "Basic cGQ6", "pd_callers_key_7c1d", "Bearer a b"]).await;
    }
}

case! {
    async fn nobody_gets_anything_without_a_token_of_the_broker(scenario, managed) {
        let longer = format!("Bearer {BROKER_TOKEN}0");
        let shorter = format!("Bearer {}", &BROKER_TOKEN[1..]);
        // The broker's own key is no token of it.
        assert_refused(&scenario, &["", "Bearer wrong", &longer, &shorter, "Bearer pd_brokers_key"]).await;
    }
}

case! {
    /// Two values of the header: what stands in front may have looked at the other one.
    async fn a_header_that_comes_twice_is_refused(scenario, pass_through) {
        let headers = [("authorization", "Bearer pd_callers_key_7c1d"), ("authorization", "Bearer pd_other")];
        assert_eq!(scenario.send("GET", ACCOUNT, &headers, "").await.status, 401);
        assert_eq!(scenario.upstream.count(), 0);
    }
}

case! {
    /// A caller's key goes upstream, and what it brings is for callers with that key only.
    async fn a_caller_sees_only_what_its_key_can(scenario, pass_through) {
        scenario.upstream.respond_with(|request| match request.header("authorization") {
            Some("Bearer pd_callers_key_7c1d") => account("one"),
            _ => Reply::status(404),
        });
        assert_eq!(scenario.get(CALLERS_KEY).await.token(), "one");
        let other = scenario.get("pd_another_key").await;
        assert_eq!(other.status, 404);
        assert_eq!(scenario.get(CALLERS_KEY).await.token(), "one");
        assert_eq!(scenario.upstream.count(), 2);
    }
}

case! {
    /// A key can be revoked: after five minutes the upstream is asked again, however long the token lives.
    async fn a_revoked_key_gets_nothing_after_the_recheck_interval(scenario, pass_through) {
        scenario.upstream.reply(account("one"));
        scenario.get(CALLERS_KEY).await;
        scenario.clock.advance(Duration::from_secs(200));
        assert_eq!(scenario.get(CALLERS_KEY).await.header("cache-status"), Some("credwell; hit; ttl=3400"));
        scenario.clock.advance(Duration::from_secs(100));
        scenario.upstream.reply(Reply::status(401));
        let revoked = scenario.get(CALLERS_KEY).await;
        assert_eq!(revoked.status, 401);
        assert_eq!(revoked.json()["type"], "urn:credwell:problem:unauthorized");
        // And it stays so.
        scenario.upstream.reply(Reply::status(401));
        assert_eq!(scenario.get(CALLERS_KEY).await.status, 401);
    }
}

case! {
    async fn the_recheck_interval_is_configurable(scenario, pass_through) {
        scenario.configuration.set("credwell_broker_recheck_seconds", "10");
        scenario.upstream.reply(account("one"));
        scenario.upstream.reply(account("two"));
        scenario.get(CALLERS_KEY).await;
        scenario.clock.advance(Duration::from_secs(7));
        assert_eq!(scenario.get(CALLERS_KEY).await.token(), "one");
        scenario.clock.advance(Duration::from_secs(3));
        assert_eq!(scenario.get(CALLERS_KEY).await.token(), "two");
    }
}

case! {
    /// The key stays in the host; every token of the broker is as good as the other.
    async fn a_managed_caller_gets_the_allowed_accounts(scenario, managed) {
        scenario.upstream.reply(account("one"));
        for token in [BROKER_TOKEN, &"f".repeat(32)] {
            assert_eq!(scenario.get(token).await.token(), "one");
        }
        assert_eq!(scenario.upstream.count(), 1);
        let sent = scenario.upstream.last_request().unwrap();
        assert_eq!(sent.header("authorization"), Some("Bearer pd_brokers_key"));
    }
}

case! {
    /// Whether there is such an account is not told.
    async fn a_managed_caller_gets_no_other_account(scenario, managed) {
        let bearer = format!("Bearer {BROKER_TOKEN}");
        let refused =
            scenario.send("GET", "/v1/accounts/apn_secret/credentials", &[("authorization", &bearer)], "").await;
        assert_eq!(refused.status, 403);
        assert_eq!(refused.json()["type"], "urn:credwell:problem:not-allowed");
        assert_eq!(scenario.upstream.count(), 0);
        scenario.configuration.set("credwell_broker_accounts", "*");
        scenario.upstream.reply(Reply::status(404));
        let asked =
            scenario.send("GET", "/v1/accounts/apn_secret/credentials", &[("authorization", &bearer)], "").await;
        assert_eq!(asked.status, 404);
    }
}

case! {
    /// It is the broker's key that was refused, and not the caller's token.
    async fn a_refused_key_of_the_broker_is_no_401_for_its_caller(scenario, managed) {
        scenario.upstream.reply(Reply::status(401));
        let failed = scenario.get(BROKER_TOKEN).await;
        assert_eq!(failed.status, 502);
        assert_eq!(failed.json()["type"], "urn:credwell:problem:unauthorized");
        assert_eq!(failed.header("www-authenticate"), None);
    }
}
