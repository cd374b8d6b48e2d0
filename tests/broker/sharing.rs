//! Tests of what the requests of a flight, and the requests with one API key, share.

use crate::scenario::{BROKER_TOKEN, CALLERS_KEY, Response, Scenario, account, case};
use futures_util::future::join_all;
use host_test::Reply;
use serde_json::json;
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::Instant;

const LATENCY: Duration = Duration::from_millis(600);

/// Gets the account's credentials in 200 concurrent requests. Fails if they took 3 s.
async fn crowd(scenario: &Scenario) -> Vec<Response> {
    let began_at = Instant::now();
    let responses = join_all((0..200).map(|_| scenario.get(CALLERS_KEY))).await;
    let took = began_at.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}, {} requests", scenario.upstream.count());
    responses
}

case! {
    /// What the leader brings is of no use to later requests, but the followers take it.
    async fn followers_share_whatever_the_leader_brings(scenario, crowd) {
        let expiring = |at: &str| {
            let credentials = json!({"oauth_access_token": "one"});
            Reply::status(200).json(&json!({"data": {"credentials": credentials, "expires_at": at}}))
        };
        let dead = Reply::status(200).json(&json!({"data": {"dead": true}}));
        for (reply, status) in [
            (expiring("2025-12-31T00:00:00Z"), 200),
            (expiring("soon"), 502),
            (Reply::status(403), 403),
            (Reply::status(404), 404),
            (dead, 410),
        ] {
            scenario.configuration.set("credwell_negative_cache_seconds", "0");
            let before = scenario.upstream.count();
            scenario.upstream.always(reply.head_after(LATENCY));
            let statuses = crowd(&scenario).await.into_iter().map(|response| response.status);
            let statuses: HashSet<_> = statuses.collect();
            assert_eq!(statuses, HashSet::from([status]));
            let asked = scenario.upstream.count() - before;
            assert!(asked <= 2, "{status}: {asked}");
        }
    }
}

case! {
    /// Each request asks the upstream again, but not each of a crowd.
    async fn followers_share_credentials_that_are_rechecked_at_once(scenario, crowd) {
        scenario.configuration.set("credwell_broker_recheck_seconds", "0");
        scenario.upstream.always(account("one").head_after(LATENCY));
        assert!(crowd(&scenario).await.iter().all(|response| response.token() == "one"));
        assert!(scenario.upstream.count() <= 2, "{}", scenario.upstream.count());
        let before = scenario.upstream.count();
        scenario.get(CALLERS_KEY).await;
        assert_eq!(scenario.upstream.count(), before + 1);
    }
}

case! {
    async fn forced_refreshes_join_the_flight(scenario, crowd) {
        scenario.upstream.always(account("one"));
        scenario.get(CALLERS_KEY).await;
        scenario.clock.advance(Duration::from_secs(1));
        scenario.upstream.always(account("two").head_after(LATENCY));
        let responses = join_all((0..200).map(|_| scenario.force(CALLERS_KEY))).await;
        assert!(responses.iter().all(|response| response.token() == "two"));
        assert_eq!(scenario.upstream.count(), 2);
    }
}

case! {
    async fn a_loop_of_forced_refreshes_asks_once_per_second(scenario, pass_through) {
        scenario.upstream.always(account("one"));
        for _ in 0..20 {
            scenario.force(CALLERS_KEY).await;
            scenario.clock.advance(Duration::from_millis(200));
        }
        assert_eq!(scenario.upstream.count(), 4);

        // The setting turns this off.
        scenario.configuration.set("credwell_forced_refresh_age_ms", "0");
        for _ in 0..5 {
            scenario.force(CALLERS_KEY).await;
        }
        assert_eq!(scenario.upstream.count(), 9);
    }
}

case! {
    /// Cold accounts need the OAuth client's token at the same moment.
    async fn a_crowd_of_accounts_makes_one_request_for_the_clients_token(scenario, managed) {
        for (name, value) in [
            ("credwell_request_form", "account"),
            ("credwell_oauth_client_id", "client"),
            ("credwell_oauth_client_secret", "s3cr3t"),
            ("credwell_broker_accounts", "*"),
        ] {
            scenario.configuration.set(name, value);
        }
        scenario.configuration.remove("credwell_api_key");
        scenario.upstream.respond_with(|request| match request.uri.path() {
            "/v1/oauth/token" => {
                let token = json!({"access_token": "client-token", "expires_in": 3600});
                Reply::status(200).json(&token).head_after(LATENCY)
            }
            path => {
                let id = path.split('/').nth(3).expect("the path has the id");
                let credentials = json!({"oauth_access_token": "one"});
                Reply::status(200).json(&json!({"data": {"id": id, "credentials": credentials}}))
            }
        });
        let ids: Vec<_> = (0..100).map(|n| format!("apn_{n}")).collect();
        let responses = join_all(ids.iter().map(|id| scenario.get_account(id, BROKER_TOKEN))).await;
        assert!(responses.iter().all(|response| response.token() == "one"));
        let requests = scenario.upstream.requests();
        assert_eq!(requests.len(), 101);
        assert_eq!(requests.iter().filter(|request| request.uri.path() == "/v1/oauth/token").count(), 1);
    }
}

case! {
    /// The upstream limits the rate of a key, and not of an account.
    async fn a_rate_limit_holds_off_all_requests_with_the_key(scenario, pass_through) {
        scenario.configuration.set("credwell_max_retries", "0");
        scenario.upstream.reply(account("one"));
        scenario.get(CALLERS_KEY).await;
        scenario.clock.advance(Duration::from_secs(260));
        scenario.upstream.reply(Reply::status(429).header("retry-after", "20"));
        assert_eq!(scenario.get_account("apn_a", CALLERS_KEY).await.status, 429);
        for _ in 0..5 {
            scenario.clock.advance(Duration::from_secs(2));
            let refused = scenario.get_account("apn_b", CALLERS_KEY).await;
            assert_eq!((refused.status, refused.header("retry-after").is_some()), (429, true));
            // The stale token of the other account is still valid.
            assert_eq!(scenario.get(CALLERS_KEY).await.token(), "one");
        }
        assert_eq!(scenario.upstream.count(), 2);
        scenario.upstream.reply(Reply::status(404));
        assert_eq!(scenario.get_account("apn_b", "pd_another_key").await.status, 404);
        scenario.clock.advance(Duration::from_secs(10));
        scenario.upstream.reply(Reply::status(404));
        assert_eq!(scenario.get_account("apn_b", CALLERS_KEY).await.status, 404);
    }
}
