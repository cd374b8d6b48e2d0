//! Tests of the OAuth client's own token.

use crate::simulation::{Host, UpstreamReply, World, crowd, queue, seconds};
use credwell_core::calls::credentials::Warning;
use credwell_core::error::{Error, Refused};
use std::rc::Rc;
use std::time::Duration;

const REFUSED: Error = Error::Unauthorized(Refused::OAuthClient);

fn token_answer(token: &str) -> UpstreamReply {
    UpstreamReply::body(&format!(r#"{{"access_token": "{token}", "expires_in": 600}}"#))
}

fn client(world: &Rc<World>) -> Rc<Host> {
    let settings = [
        ("credwell_first_byte_timeout_ms", "60000"),
        ("credwell_api_key", ""),
        ("credwell_request_form", "account"),
        ("credwell_oauth_client_id", "client"),
        ("credwell_oauth_client_secret", "secret"),
    ];
    world.host_with(0, &settings)
}

/// The token is stale at 550 s at the latest, and expires at 600 s.
#[tokio::test(start_paused = true)]
async fn a_token_is_refreshed_before_it_expires() {
    let world = World::new();
    let host = client(&world);
    for (time, token) in [(0, "one"), (500, "one"), (550, "two"), (1000, "two"), (1170, "three")] {
        world.sleep_until(seconds(time)).await;
        world.answer_tokens(token_answer(token));
        let credentials = host.get(&format!("apn_{time}")).await.unwrap();
        assert_eq!((world.last_authorization(), credentials.warnings), (format!("Bearer {token}"), vec![]));
    }
    assert_eq!(world.token_count(), 3);
}

/// The token is valid until it expires. Meanwhile its refresh is backed off.
#[tokio::test(start_paused = true)]
async fn a_stale_token_serves_until_it_expires_if_its_refresh_fails() {
    for answer in [UpstreamReply::status(500), UpstreamReply::status(403), UpstreamReply::stalling()] {
        let world = World::new();
        world.answer_tokens(token_answer("one"));
        let host = client(&world);
        host.get("apn_a").await.unwrap();
        world.sleep_until(seconds(570)).await;
        world.answer_tokens(answer);
        let credentials = host.get("apn_b").await.unwrap();
        assert!(matches!(credentials.warnings[..], [Warning::TokenRefreshFailed(_)]), "{credentials:?}");
        assert_eq!(world.last_authorization(), "Bearer one");
        // Half of the deadline is for the account.
        assert!(world.last_limits().unwrap().total > seconds(14), "{:?}", world.last_limits());
        let asked = world.token_count();
        assert_eq!(host.get("apn_c").await.unwrap().warnings, []);
        assert_eq!(world.token_count(), asked);
        world.sleep_until(seconds(600)).await;
        assert!(host.get("apn_d").await.is_err());
    }
}

/// The refresh fails after the stale token has expired.
#[tokio::test(start_paused = true)]
async fn a_token_that_expires_during_its_refresh_is_not_used() {
    let world = World::new();
    world.answer_tokens(token_answer("one"));
    let host = client(&world);
    host.get("apn_a").await.unwrap();
    world.sleep_until(seconds(595)).await;
    world.answer_tokens(UpstreamReply::status(403).after(seconds(6)));
    assert_eq!(host.get("apn_b").await.unwrap_err(), REFUSED);
    assert_eq!(world.count(), 1);
}

/// The refresh of the stale token fails. A faster refresh, without leases, succeeds meanwhile.
#[tokio::test(start_paused = true)]
async fn a_failed_refresh_uses_the_newer_token_of_a_fast_call() {
    let world = World::new();
    world.answer_tokens(token_answer("one"));
    let host = client(&world);
    host.get("apn_0").await.unwrap();
    world.failing.borrow_mut().push("increment");
    world.sleep_until(seconds(569)).await;
    world.answer_tokens(UpstreamReply::status(500).after(seconds(5)));
    let results = queue(&world, 2, seconds(1), |n| {
        let (host, world) = (Rc::clone(&host), Rc::clone(&world));
        async move {
            if n == 1 {
                world.answer_tokens(token_answer("two"));
            }
            host.get(&format!("apn_a{n}")).await
        }
    })
    .await;
    let warnings = &results[0].0.as_ref().unwrap().warnings;
    assert!(
        !warnings.iter().any(|warning| matches!(warning, Warning::TokenRefreshFailed(_))),
        "{warnings:?}"
    );
    assert_eq!(world.last_authorization(), "Bearer two");
}

/// Callers with a stale token don't wait for its refresh.
#[tokio::test(start_paused = true)]
async fn followers_use_the_stale_token() {
    for gap in [Duration::ZERO, Duration::from_millis(100)] {
        let world = World::new();
        world.answer_tokens(token_answer("one"));
        let host = client(&world);
        host.get("apn_a").await.unwrap();
        world.sleep_until(seconds(570)).await;
        world.answer_tokens(token_answer("two").after(seconds(5)));
        let results = queue(&world, 20, gap, |n| {
            let host = Rc::clone(&host);
            async move { host.get(&format!("apn_b{n}")).await }
        })
        .await;
        assert_eq!(world.token_count(), 2);
        let slow = results.iter().filter(|(_, took)| *took > seconds(1));
        assert_eq!((slow.count(), results.iter().all(|(result, _)| result.is_ok())), (1, true), "{gap:?}");
    }
}

/// The leader dies during its request for a token. One of the callers with the stale token notices that.
#[tokio::test(start_paused = true)]
async fn a_dead_leader_keeps_nobody_from_refreshing_the_token() {
    let world = World::new();
    world.answer_tokens(token_answer("one"));
    let host = client(&world);
    host.get("apn_a").await.unwrap();
    world.sleep_until(seconds(560)).await;
    world.answer_tokens(UpstreamReply::stalling());
    assert!(tokio::time::timeout(seconds(1), host.get("apn_b")).await.is_err());
    world.answer_tokens(token_answer("two"));
    let results = queue(&world, 60, Duration::from_millis(200), |n| {
        let host = Rc::clone(&host);
        async move { host.get(&format!("apn_c{n}")).await }
    })
    .await;
    assert!(results.iter().all(|(result, _)| result.is_ok()));
    assert_eq!((world.token_count(), world.last_authorization().as_str()), (3, "Bearer two"));
}

/// The upstream can revoke a token before it expires. A new token that it refuses is not replaced again.
#[tokio::test(start_paused = true)]
async fn a_revoked_token_is_replaced_once() {
    let world = World::new();
    let host = client(&world);
    world.answer_tokens(token_answer("one"));
    world.answer([UpstreamReply::status(401)]);
    let refused = Error::Unauthorized(Refused::OAuthToken);
    assert_eq!(host.get("apn_a").await.unwrap_err(), refused);
    assert_eq!((world.token_count(), world.count()), (1, 1));
    world.answer_tokens(token_answer("two"));
    assert_eq!(host.get("apn_b").await.unwrap_err(), refused);
    assert_eq!((world.token_count(), world.count()), (2, 3));
    assert_eq!(world.last_authorization(), "Bearer two");
}

/// The endpoint of tokens has a rate limit of its own.
#[tokio::test(start_paused = true)]
async fn a_rate_limit_of_tokens_holds_off_the_requests_for_tokens() {
    let world = World::new();
    let host = client(&world);
    world.answer_tokens(UpstreamReply::status(429).retry_after(40));
    for account in ["apn_a", "apn_b"] {
        assert!(matches!(host.get(account).await, Err(Error::RateLimited { retry_after: Some(_) })));
    }
    assert_eq!((world.token_count(), world.count()), (1, 0));
    world.answer_tokens(token_answer("one"));
    world.sleep_until(seconds(41)).await;
    host.get("apn_a").await.unwrap();
    assert_eq!((world.token_count(), world.count()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn the_errors_of_the_token_endpoint_are_about_the_client() {
    for (status, expected) in [
        (400, REFUSED),
        (401, REFUSED),
        (403, REFUSED),
        (404, Error::UpstreamFailure { status: 404, retry_after: None }),
        (500, Error::UpstreamFailure { status: 500, retry_after: None }),
    ] {
        let world = World::new();
        world.answer_tokens(UpstreamReply::status(status).after(Duration::ZERO));
        assert_eq!(client(&world).get("apn_a").await.unwrap_err(), expected);
        assert_eq!(world.count(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_crowd_of_accounts_makes_one_request_for_the_oauth_clients_token() {
    let token_answer = r#"{"access_token": "client-token", "expires_in": 3600}"#;
    for (answer, accounts, is_ok) in [
        (UpstreamReply::body(token_answer), 100, true),
        (UpstreamReply::status(401), 0, false),
        (UpstreamReply::status(500), 0, false),
    ] {
        let world = World::new();
        world.answer_tokens(answer.after(Duration::from_millis(600)));
        let host = client(&world);
        let results = crowd(&world, 100, |n| {
            let host = Rc::clone(&host);
            async move { host.get(&format!("apn_{n}")).await }
        })
        .await;
        assert!(results.iter().all(|(result, took)| result.is_ok() == is_ok && *took < seconds(3)));
        assert_eq!((world.token_count(), world.count()), (1, accounts));
    }

    // A revoked token is replaced once.
    let world = World::new();
    let host = client(&world);
    host.get("apn_first").await.unwrap();
    world.answer(
        std::iter::repeat_n(UpstreamReply::status(401), 100).chain([UpstreamReply::account("one", 3600)]),
    );
    world.answer_tokens(UpstreamReply::body(r#"{"access_token": "other-token", "expires_in": 3600}"#));
    let results = crowd(&world, 100, |n| {
        let host = Rc::clone(&host);
        async move { host.get(&format!("apn_{n}")).await }
    })
    .await;
    assert!(results.iter().all(|(result, _)| result.is_ok()));
    assert_eq!((world.token_count(), world.count()), (2, 201));
}
