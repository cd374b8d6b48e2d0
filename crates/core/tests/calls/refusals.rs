//! Tests of the upstream's refusals: what ends the service of cached credentials, and what doesn't.

use crate::simulation::{ACCOUNT, UpstreamReply, World, seconds, token};
use credwell_core::calls::credentials::{Source, Warning};
use credwell_core::error::{Error, Refused};
use credwell_core::ports::TransportError;

const KEY: &str = "pd_callers";

fn dead() -> UpstreamReply {
    UpstreamReply::body(r#"{"data": {"id": "apn_a", "dead": true}}"#)
}

/// The refresh of stale credentials in pass-through mode: the upstream says no.
#[tokio::test(start_paused = true)]
async fn a_refusal_ends_the_service_of_stale_credentials() {
    for negative_age in ["0", "30"] {
        for (answer, status) in [
            (UpstreamReply::status(401), 401),
            (UpstreamReply::status(403), 403),
            (UpstreamReply::status(404), 404),
            (UpstreamReply::status(400), 502),
            (dead(), 410),
            (UpstreamReply::body(r#"{"data": {"id": "apn_a"}}"#), 422),
        ] {
            let world = World::new();
            let broker = world.broker(&[("credwell_negative_cache_seconds", negative_age)]);
            assert_eq!(broker.send("GET", ACCOUNT, KEY, None).await.status, 200);
            tokio::time::sleep(seconds(290)).await;
            world.answer([answer]);
            assert_eq!(broker.send("GET", ACCOUNT, KEY, None).await.status, status);
            assert_eq!(broker.send("GET", ACCOUNT, KEY, None).await.status, status);
            // A negative entry answers the second request.
            let is_cached = negative_age == "30" && [403, 404, 410].contains(&status);
            assert_eq!(world.count(), if is_cached { 2 } else { 3 }, "{status}");
            assert_eq!(world.keys().len(), usize::from(is_cached), "{:?}", world.keys());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn stale_credentials_serve_while_the_upstream_can_not_be_asked() {
    let unhealthy =
        UpstreamReply::body(r#"{"data": {"id": "apn_a", "healthy": false, "credentials": {"a": 1}}}"#);
    for answer in [
        UpstreamReply::failure(TransportError::Unreachable("connection-refused".to_owned())),
        UpstreamReply::failure(TransportError::Denied("HTTP-request-denied".to_owned())),
        UpstreamReply::failure(TransportError::BodyTooLarge),
        UpstreamReply::stalling(),
        UpstreamReply::status(408),
        UpstreamReply::status(429),
        UpstreamReply::status(500),
        UpstreamReply::status(503),
        UpstreamReply::body("<html>"),
        UpstreamReply::body(r#"{"data": {"id": "apn_other", "credentials": {"a": 1}}}"#),
        unhealthy,
    ] {
        let world = World::new();
        let broker = world.broker(&[]);
        broker.send("GET", ACCOUNT, KEY, None).await;
        tokio::time::sleep(seconds(280)).await;
        world.answer([answer]);
        let reply = broker.send("GET", ACCOUNT, KEY, None).await;
        assert_eq!((reply.status, reply.token()), (200, "one"));
        assert!(reply.headers["cache-status"].contains("detail=refresh-failed"), "{reply:?}");
    }
}

/// The upstream refuses the key on a forced refresh. The next plain request is no hit.
#[tokio::test(start_paused = true)]
async fn a_refused_forced_refresh_ends_the_service() {
    for negative_age in ["0", "30"] {
        for (answer, status) in [
            (UpstreamReply::status(401), 401),
            (UpstreamReply::status(403), 403),
            (UpstreamReply::status(404), 404),
        ] {
            for (method, cache_control) in [("GET", Some("no-cache")), ("POST", None)] {
                let world = World::new();
                let broker = world.broker(&[("credwell_negative_cache_seconds", negative_age)]);
                broker.send("GET", ACCOUNT, KEY, None).await;
                tokio::time::sleep(seconds(2)).await;
                world.answer([answer.clone()]);
                assert_eq!(broker.send(method, ACCOUNT, KEY, cache_control).await.status, status);
                assert_eq!(broker.send("GET", ACCOUNT, KEY, None).await.status, status);
            }
        }
    }
}

/// A failed forced refresh is no refusal: other callers keep the cached credentials.
#[tokio::test(start_paused = true)]
async fn a_failed_forced_refresh_keeps_the_entry() {
    let world = World::new();
    let broker = world.broker(&[]);
    broker.send("GET", ACCOUNT, KEY, None).await;
    tokio::time::sleep(seconds(2)).await;
    world.answer([UpstreamReply::status(503)]);
    assert_eq!(broker.send("GET", ACCOUNT, KEY, Some("no-cache")).await.status, 502);
    assert_eq!(broker.send("GET", ACCOUNT, KEY, None).await.status, 200);
}

/// A 401 of the configured key can be a slip of the operator while the key is rotated.
#[tokio::test(start_paused = true)]
async fn a_refused_configured_key_keeps_valid_credentials() {
    let world = World::new();
    let host = world.host();
    host.get(ACCOUNT).await.unwrap();
    world.answer([UpstreamReply::status(401)]);
    tokio::time::sleep(seconds(2)).await;
    assert_eq!(host.refresh(ACCOUNT, None).await.unwrap_err(), Error::Unauthorized(Refused::ApiKey));
    assert_eq!(token(&host.get(ACCOUNT).await), "one");
    tokio::time::sleep(seconds(3545)).await;
    let stale = host.get(ACCOUNT).await.unwrap();
    assert_eq!(stale.warnings, [Warning::RefreshFailed(Error::Unauthorized(Refused::ApiKey))]);
    tokio::time::sleep(seconds(60)).await;
    assert_eq!(host.get(ACCOUNT).await.unwrap_err(), Error::Unauthorized(Refused::ApiKey));

    let managed = world.host_with(
        0,
        &[
            ("credwell_broker_mode", "managed"),
            ("credwell_broker_tokens", "0123456789abcdef0123456789abcdef"),
            ("credwell_broker_accounts", "*"),
        ],
    );
    let reply = managed.send("GET", ACCOUNT, "0123456789abcdef0123456789abcdef", None).await;
    assert_eq!(reply.status, 502);
    assert!(reply.body["detail"].as_str().unwrap().contains("credwell_api_key"), "{reply:?}");
}

/// The caller can't change a setting of the broker.
#[tokio::test(start_paused = true)]
async fn a_refused_callers_key_is_named_as_the_callers() {
    let world = World::new();
    world.answer([UpstreamReply::status(401)]);
    let reply = world.broker(&[]).send("GET", ACCOUNT, KEY, None).await;
    assert_eq!(reply.status, 401);
    let detail = reply.body["detail"].as_str().unwrap();
    assert!(detail.contains("the API key of the request") && !detail.contains("credwell_"), "{detail}");
    // Nothing is written for a key that nobody knows.
    assert_eq!(world.keys(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_response_to_head_has_no_body() {
    let broker = World::new().broker(&[]);
    // An account, a path that is none, and an id that is none.
    for (id, status) in [(ACCOUNT, 200), ("apn_a/b", 404), ("apn-a", 400)] {
        let reply = broker.send("HEAD", id, KEY, None).await;
        assert_eq!((reply.status, &reply.body), (status, &serde_json::Value::Null), "{id}");
        assert!(!reply.headers.contains_key("content-length"), "{id}");
    }
}

/// The upstream brings the same token again within the refresh window. Its margin stays as it was, and the
/// next refreshes follow after 5, 10 and 20 s.
#[tokio::test(start_paused = true)]
async fn a_token_that_is_fetched_again_keeps_its_refresh_window() {
    let world = World::new();
    let host = world.host();
    host.get(ACCOUNT).await.unwrap();
    tokio::time::sleep(seconds(3545)).await;
    let mut asked_at = Vec::new();
    while world.elapsed() < seconds(3598) {
        if host.get(ACCOUNT).await.unwrap().source == Source::Upstream {
            asked_at.push(world.elapsed());
        }
        tokio::time::sleep(ms(100)).await;
    }
    let pauses: Vec<_> = asked_at.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64().round()).collect();
    assert_eq!(pauses, [5.0, 10.0, 20.0], "{asked_at:?}");
}

fn ms(number: u64) -> std::time::Duration {
    std::time::Duration::from_millis(number)
}
