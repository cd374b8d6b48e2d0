//! Tests of the single flight: what the calls for one account share, and what ends their waiting.

use crate::simulation::{ACCOUNT, UpstreamReply, World, crowd, queue, seconds, token};
use credwell_core::calls::credentials::{Source, Warning};
use credwell_core::error::{Error, Malformed};
use credwell_core::ports::{Phase, TransportError};
use std::rc::Rc;
use std::time::Duration;

const LATENCY: Duration = Duration::from_millis(600);

#[tokio::test(start_paused = true)]
async fn calls_for_different_accounts_wait_at_the_same_time() {
    let world = World::new();
    let host = world.host();
    let results = crowd(&world, 50, |n| {
        let host = Rc::clone(&host);
        async move { host.get(&format!("apn_{n}")).await }
    })
    .await;
    assert!(results.iter().all(|(result, took)| result.is_ok() && *took < LATENCY));
    assert_eq!((world.count(), world.keys().len()), (50, 50));
    assert_eq!(host.get("apn_7").await.unwrap().source, Source::Cache);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_leaves_the_cache_intact() {
    let world = World::new();
    let host = world.host();
    let first = host.get(ACCOUNT).await.unwrap();
    // One call for each millisecond at which it can be cancelled.
    for milliseconds in 0..330 {
        let refresh = host.refresh(ACCOUNT, Some("one"));
        let _ = tokio::time::timeout(Duration::from_millis(milliseconds), refresh).await;
        let credentials = host.get(ACCOUNT).await.unwrap();
        assert_eq!((credentials.source, credentials.expires_at), (Source::Cache, first.expires_at));
    }
}

/// Followers take whatever the leader brings, also if it is of no use to later callers.
#[tokio::test(start_paused = true)]
async fn followers_share_whatever_the_leader_brings() {
    let malformed = r#"{"data": {"id": "apn_a", "credentials": {"a": 1}, "expires_at": "soon"}}"#;
    let dead = r#"{"data": {"id": "apn_a", "dead": true, "error": "revoked"}}"#;
    let expired = |error: &Option<Error>, warnings: &[Warning]| {
        error.is_none() && warnings == [Warning::AlreadyExpired]
    };
    let fine = |error: &Option<Error>, warnings: &[Warning]| error.is_none() && warnings.is_empty();
    type Check<'a> = &'a dyn Fn(&Option<Error>, &[Warning]) -> bool;
    type Case<'a> = (UpstreamReply, &'a [(&'a str, &'a str)], Check<'a>);
    let is = |expected: Error| move |error: &Option<Error>, _: &[Warning]| *error == Some(expected.clone());
    let field = is(Error::MalformedResponse(Malformed::Field("expires_at")));
    let dead_error = is(Error::AccountDead { reason: Some("revoked".to_owned()) });
    let unreachable = is(Error::Unreachable("DNS-error".to_owned()));
    let (forbidden, not_found) = (is(Error::Forbidden), is(Error::NotFound));
    let none = is(Error::NoCredentials);
    let cases: [Case<'_>; 8] = [
        (UpstreamReply::account("one", 0), &[], &expired),
        (UpstreamReply::account("one", 3600), &[("credwell_refresh_window_seconds", "31536000")], &fine),
        (UpstreamReply::body(malformed), &[], &field),
        (UpstreamReply::body(dead), &[("credwell_negative_cache_seconds", "0")], &dead_error),
        (UpstreamReply::status(403), &[("credwell_negative_cache_seconds", "0")], &forbidden),
        (UpstreamReply::status(404), &[("credwell_negative_cache_seconds", "0")], &not_found),
        (UpstreamReply::body(r#"{"data": {"id": "apn_a"}}"#), &[], &none),
        (UpstreamReply::failure(TransportError::Unreachable("DNS-error".to_owned())), &[], &unreachable),
    ];
    for (answer, settings, check) in cases {
        let world = World::new();
        world.answer([answer.after(LATENCY)]);
        let hosts = [world.host_with(0, settings), world.host_with(15, settings)];
        let results = crowd(&world, 200, |n| {
            let host = Rc::clone(&hosts[n % 2]);
            async move { host.get(ACCOUNT).await }
        })
        .await;
        for (result, took) in &results {
            let warnings = result.as_ref().map_or(&[][..], |credentials| &credentials.warnings);
            let error = result.as_ref().err().cloned();
            assert!(check(&error, warnings), "{error:?} {warnings:?}");
            assert!(*took < seconds(3), "{took:?}");
        }
        assert!(world.count() <= 2, "{}", world.count());
    }
}

/// Without a recheck time, each request asks the upstream again, but not each of a crowd.
#[tokio::test(start_paused = true)]
async fn followers_share_credentials_that_are_rechecked_at_once() {
    let world = World::new();
    world.answer([UpstreamReply::account("one", 3600).after(LATENCY)]);
    let broker = world.broker(&[("credwell_broker_recheck_seconds", "0")]);
    let results = crowd(&world, 200, |_| {
        let broker = Rc::clone(&broker);
        async move { broker.send("GET", ACCOUNT, "pd_callers", None).await }
    })
    .await;
    assert!(results.iter().all(|(reply, took)| reply.token() == "one" && *took < seconds(3)));
    assert!(world.count() <= 2, "{}", world.count());
    broker.send("GET", ACCOUNT, "pd_callers", None).await;
    assert_eq!(world.count(), 2);
}

/// The second leader has waited for the first one, so it has little time left. The third caller has more.
#[tokio::test(start_paused = true)]
async fn a_leader_with_little_time_does_not_share_its_timeout() {
    let world = World::new();
    let host = world.host_with(0, &[("credwell_first_byte_timeout_ms", "600000")]);
    world.answer([
        UpstreamReply::stalling(),
        UpstreamReply::stalling(),
        UpstreamReply::account("three", 3600),
    ]);
    let results = queue(&world, 3, seconds(10), |n| {
        let host = Rc::clone(&host);
        async move {
            match n {
                // The first leader dies after 1 s.
                0 => {
                    tokio::time::timeout(seconds(1), host.get(ACCOUNT)).await.unwrap_or(Err(Error::NotFound))
                }
                _ => host.get(ACCOUNT).await,
            }
        }
    })
    .await;
    assert_eq!(results[1].0.as_ref().unwrap_err(), &Error::TimedOut(Phase::Deadline));
    assert_eq!(token(&results[2].0), "three");
    assert_eq!(world.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn polling_works_where_an_open_bucket_caches_its_reads() {
    let world = World::new();
    world.reads_are_cached.set(true);
    for (answer, is_ok) in [(UpstreamReply::account("one", 3600), true), (UpstreamReply::status(500), false)]
    {
        world.answer([answer.after(LATENCY)]);
        let (host, before) = (world.host(), world.count());
        let account = format!("apn_{is_ok}");
        let results = crowd(&world, 20, |_| {
            let (host, account) = (Rc::clone(&host), account.clone());
            async move { host.get(&account).await }
        })
        .await;
        assert!(results.iter().all(|(result, took)| result.is_ok() == is_ok && *took < seconds(1)));
        assert_eq!(world.count(), before + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn forced_refreshes_join_the_flight() {
    let world = World::new();
    let host = world.host();
    host.get(ACCOUNT).await.unwrap();
    tokio::time::sleep(seconds(2)).await;
    world.answer([UpstreamReply::account("two", 3600).after(seconds(1))]);
    let results = crowd(&world, 100, |_| {
        let host = Rc::clone(&host);
        async move { host.refresh(ACCOUNT, None).await }
    })
    .await;
    assert!(results.iter().all(|(result, took)| token(result) == "two" && *took < seconds(2)));
    assert_eq!(world.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_loop_of_forced_refreshes_asks_once_per_second() {
    let world = World::new();
    let host = world.host();
    let started = world.elapsed();
    while world.elapsed() - started < seconds(5) {
        host.refresh(ACCOUNT, None).await.unwrap();
    }
    assert!((4..=5).contains(&world.count()), "{}", world.count());

    // The same for an account that the upstream refuses.
    world.answer([UpstreamReply::status(404)]);
    let (before, started) = (world.count(), world.elapsed());
    while world.elapsed() - started < seconds(5) {
        assert!(host.refresh("apn_other", None).await.is_err());
    }
    assert!((4..=5).contains(&(world.count() - before)), "{}", world.count() - before);

    let always = world.host_with(0, &[("credwell_forced_refresh_age_ms", "0")]);
    world.answer([UpstreamReply::account("one", 3600)]);
    let before = world.count();
    for _ in 0..5 {
        assert_eq!(always.refresh(ACCOUNT, None).await.unwrap().source, Source::Upstream);
    }
    assert_eq!(world.count(), before + 5);
}
