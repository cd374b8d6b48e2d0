//! Tests of the authentication of callers and of the accounts that a caller may get.

use crate::scenario::{ACCOUNT, BROKER_TOKEN, CALLERS_KEY, Scenario, account, case};
use host_test::Reply;
use std::time::Duration;

/// Checks that no request with one of these `authorization` headers gets past the authentication. An empty
/// text stands for a request without the header.
async fn assert_refused(scenario: &Scenario, authorizations: &[&str]) {
    for text in authorizations {
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
    async fn a_caller_without_a_key_is_refused(scenario, pass_through) {
        let refused = ["", "Bearer", "Bearer ", "Basic cGQ6", "pd_callers_key_7c1d", "Bearer a b"];
        assert_refused(&scenario, &refused).await;
    }
}

case! {
    async fn a_caller_without_a_broker_token_is_refused(scenario, managed) {
        let longer = format!("Bearer {BROKER_TOKEN}0");
        let shorter = format!("Bearer {}", &BROKER_TOKEN[1..]);
        // The API key of the broker is not a token for callers.
        assert_refused(&scenario, &["", "Bearer wrong", &longer, &shorter, "Bearer pd_brokers_key"]).await;
    }
}

case! {
    /// A proxy in front of the broker may have checked the other one of the two values.
    async fn a_header_that_comes_twice_is_refused(scenario, pass_through) {
        let headers = [("authorization", "Bearer pd_callers_key_7c1d"), ("authorization", "Bearer pd_other")];
        assert_eq!(scenario.send("GET", ACCOUNT, &headers, "").await.status, 401);
        assert_eq!(scenario.upstream.count(), 0);
    }
}

case! {
    /// The broker sends the caller's key to the upstream, and caches the credentials for callers with this
    /// key only.
    async fn a_caller_gets_only_the_accounts_of_its_key(scenario, pass_through) {
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
    /// The upstream may revoke the key. So the broker fetches again after five minutes, before the token
    /// expires.
    async fn a_revoked_key_gets_nothing_after_the_recheck_interval(scenario, pass_through) {
        scenario.upstream.reply(account("one"));
        scenario.get(CALLERS_KEY).await;
        scenario.clock.advance(Duration::from_secs(200));
        assert_eq!(scenario.get(CALLERS_KEY).await.header("cache-status"), Some("credwell; hit; ttl=25"));
        scenario.clock.advance(Duration::from_secs(100));
        scenario.upstream.reply(Reply::status(401));
        let revoked = scenario.get(CALLERS_KEY).await;
        assert_eq!(revoked.status, 401);
        assert_eq!(revoked.json()["type"], "urn:credwell:problem:unauthorized");
        // The next request doesn't get the cached credentials either.
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
    /// The broker sends its own API key to the upstream, and accepts each of its tokens.
    async fn a_managed_caller_gets_the_allowed_accounts(scenario, managed) {
        scenario.upstream.reply(account("one"));
        for token in [BROKER_TOKEN, &"f".repeat(32)] {
            assert_eq!(scenario.get(token).await.token(), "one");
        }
        assert_eq!(scenario.upstream.count(), 1);
        let request = scenario.upstream.last_request().unwrap();
        assert_eq!(request.header("authorization"), Some("Bearer pd_brokers_key"));
    }
}

case! {
    /// The response doesn't reveal whether the account exists.
    async fn a_managed_caller_gets_no_other_account(scenario, managed) {
        let bearer = format!("Bearer {BROKER_TOKEN}");
        let headers = [("authorization", bearer.as_str())];
        let get = || scenario.send("GET", "/v1/accounts/apn_secret/credentials", &headers, "");
        let refused = get().await;
        assert_eq!(refused.status, 403);
        assert_eq!(refused.json()["type"], "urn:credwell:problem:not-allowed");
        assert_eq!(scenario.upstream.count(), 0);
        scenario.configuration.set("credwell_broker_accounts", "*");
        scenario.upstream.reply(Reply::status(404));
        assert_eq!(get().await.status, 404);
    }
}

case! {
    /// The upstream refused the broker's API key, not the caller's token.
    async fn a_refused_key_of_the_broker_is_not_a_401_for_its_caller(scenario, managed) {
        scenario.upstream.reply(Reply::status(401));
        let failed = scenario.get(BROKER_TOKEN).await;
        assert_eq!(failed.status, 502);
        assert_eq!(failed.json()["type"], "urn:credwell:problem:unauthorized");
        assert_eq!(failed.header("www-authenticate"), None);
    }
}
