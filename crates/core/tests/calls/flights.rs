//! Tests of the single flight: what the calls for one account share, and what ends their waiting.

use crate::simulation::{ACCOUNT, Answer, World, crowd, frozen_during, queue, seconds, token};
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

/// The request goes over the end of each time slice of every clock.
#[tokio::test(start_paused = true)]
async fn a_long_request_has_one_flight() {
    for (ahead, latency) in [(0, 8), (7, 8), (-7, 8), (15, 8), (-15, 8), (15, 1), (3600, 25)] {
        let world = World::new();
        world.answer([Answer::account("one", 9000).after(seconds(latency))]);
        let timeouts = [("credwell_first_byte_timeout_ms", "60000")];
        let hosts = [world.host_with(0, &timeouts), world.host_with(ahead, &timeouts)];
        let results = queue(&world, 10, Duration::from_millis(90), |n| {
            let host = Rc::clone(&hosts[n % 2]);
            async move { host.get(ACCOUNT).await }
        })
        .await;
        assert!(results.iter().all(|(result, _)| token(result) == "one"));
        assert_eq!(world.count(), 1, "{ahead} s ahead, {latency} s");
        assert!(world.elapsed() < seconds(latency + 1), "{:?}", world.elapsed());
        // Nothing of the lease is left in the store.
        assert_eq!(world.keys().len(), 1);
        for host in &hosts {
            if ahead.abs() <= 15 {
                assert_eq!(host.get(ACCOUNT).await.unwrap().source, Source::Cache);
            }
        }
    }
}

/// Callers come all the time. The leader's request and its two retries take 30 s.
#[tokio::test(start_paused = true)]
async fn a_stalled_upstream_gets_one_request_at_a_time() {
    let world = World::new();
    world.answer([Answer::stalling()]);
    let host = world.host_with(0, &[("credwell_max_retries", "2")]);
    let results = queue(&world, 20, Duration::from_millis(1500), |_| {
        let host = Rc::clone(&host);
        async move { host.get(ACCOUNT).await }
    })
    .await;
    assert!(results.iter().all(|(result, _)| matches!(result, Err(Error::TimedOut(_)))));
    assert!(results.iter().all(|(_, took)| *took <= Duration::from_millis(30_100)));
    // Two leases of 30 s cover the 58.5 s in which callers wait.
    assert!((3..=6).contains(&world.count()), "{}", world.count());
}

/// The future of the leader is dropped, as by a host that ends the instance.
#[tokio::test(start_paused = true)]
async fn a_dead_leader_is_replaced_after_its_silence() {
    for died_after in [1, 3, 5, 40, 2_500] {
        let world = World::new();
        let two = Answer::account("two", 3600);
        world.answer(if died_after >= 40 { vec![Answer::stalling(), two] } else { vec![two] });
        let host = world.host();
        let leader = tokio::time::timeout(Duration::from_millis(died_after), host.get(ACCOUNT));
        assert!(leader.await.is_err());
        let results = crowd(&world, 50, |_| {
            let host = Rc::clone(&host);
            async move { host.get(ACCOUNT).await }
        })
        .await;
        assert!(results.iter().all(|(result, _)| token(result) == "two"));
        let took = results.iter().map(|(_, took)| *took).max().unwrap();
        if died_after >= 40 {
            assert_eq!(world.count(), 2);
            assert!(took >= seconds(6) && took <= seconds(7), "{took:?}");
        } else {
            assert!(world.count() == 1 && took < seconds(7), "{took:?}");
        }
        assert_eq!(world.keys().len(), 1, "{:?}", world.keys());
    }
}

/// The first leader's host is frozen, so another call takes the lease over. When the first leader goes on, it
/// leaves the lease to the second one.
#[tokio::test(start_paused = true)]
async fn a_leader_that_was_frozen_leaves_the_lease_to_its_successor() {
    for (first, second) in [(9, 12), (30, 12), (12, 1), (9, 4)] {
        let world = World::new();
        let answers = [("one", first), ("two", second), ("three", 1)];
        world.answer(answers.map(|(token, latency)| Answer::account(token, 9000).after(seconds(latency))));
        let host = world.host_with(0, &[("credwell_first_byte_timeout_ms", "60000")]);
        let results = queue(&world, 20, seconds(1), |n| {
            let (host, world) = (Rc::clone(&host), Rc::clone(&world));
            let frozen = if n == 0 { seconds(1)..seconds(10) } else { seconds(0)..seconds(0) };
            async move { frozen_during(&world, frozen, host.get(ACCOUNT)).await }
        })
        .await;
        assert!(results.iter().all(|(result, _)| ["one", "two"].contains(&token(result))));
        assert_eq!((world.count(), world.keys().len()), (2, 1), "{first} {second} {:?}", world.keys());
    }
}

#[tokio::test(start_paused = true)]
async fn a_stale_entry_is_served_without_a_refresh_for_at_most_a_slice() {
    let world = World::new();
    let host = world.host();
    host.get(ACCOUNT).await.unwrap();
    tokio::time::sleep(seconds(3545)).await;
    world.answer([Answer::stalling(), Answer::account("two", 7200)]);
    let leader = tokio::time::timeout(seconds(1), host.get(ACCOUNT));
    assert!(leader.await.is_err());
    let died_at = world.elapsed();
    let results = queue(&world, 100, Duration::from_millis(200), |_| {
        let (host, world) = (Rc::clone(&host), Rc::clone(&world));
        async move { (host.get(ACCOUNT).await, world.elapsed()) }
    })
    .await;
    let renewed = results.iter().filter(|((result, _), _)| token(result) == "two");
    let renewed_at = renewed.map(|((_, at), _)| *at).min().unwrap() - died_at;
    assert!(renewed_at <= seconds(11), "{renewed_at:?}");
    assert_eq!(world.count(), 3);
    // One caller observes the dead leader. All others are answered at once.
    assert_eq!(results.iter().filter(|(_, took)| *took > seconds(1)).count(), 1);
}

/// A live leader of a host with another clock looks dead to the callers with stale credentials.
#[tokio::test(start_paused = true)]
async fn callers_with_stale_credentials_do_not_ask_beside_a_leader_with_another_clock() {
    for ahead in [-15, 15] {
        let world = World::new();
        let timeouts = [("credwell_first_byte_timeout_ms", "60000")];
        let hosts = [world.host_with(0, &timeouts), world.host_with(ahead, &timeouts)];
        hosts[0].get(ACCOUNT).await.unwrap();
        tokio::time::sleep(seconds(3560)).await;
        world.answer([Answer::account("two", 9000).after(seconds(9))]);
        let results = queue(&world, 100, Duration::from_millis(100), |n| {
            let host = Rc::clone(&hosts[usize::from(n > 0)]);
            async move { host.get(ACCOUNT).await }
        })
        .await;
        assert_eq!(world.count(), 2, "{ahead}");
        let waited = results.iter().skip(1).filter(|(_, took)| *took > Duration::from_millis(2_100));
        assert_eq!(waited.count(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_always_says_taken_starves_nobody() {
    for sum in [0, 2, 65, u64::MAX] {
        let world = World::new();
        world.false_sum.set(Some(sum));
        let host = world.host();
        let results = crowd(&world, 20, |_| {
            let host = Rc::clone(&host);
            async move { host.get(ACCOUNT).await }
        })
        .await;
        assert!(results.iter().all(|(result, took)| token(result) == "one" && *took <= seconds(11)));

        // The entry is stale, and the store still says that another call refreshes it.
        world.answer([Answer::account("two", 7200)]);
        tokio::time::sleep(seconds(3550)).await;
        while token(&host.get(ACCOUNT).await) != "two" {
            tokio::time::sleep(Duration::from_millis(500)).await;
            assert!(world.elapsed() < seconds(3565), "stale for {:?}", world.elapsed());
        }
    }
}

/// A store that counts but loses each write gives followers nothing. They don't wait for one leader after the
/// other.
#[tokio::test(start_paused = true)]
async fn a_store_that_refuses_entries_starves_nobody() {
    let world = World::new();
    world.failing.borrow_mut().push("set");
    world.answer([Answer::account("one", 3600).after(seconds(1))]);
    let host = world.host();
    let results = crowd(&world, 20, |_| {
        let host = Rc::clone(&host);
        async move { host.get(ACCOUNT).await }
    })
    .await;
    assert!(results.iter().all(|(result, took)| token(result) == "one" && *took <= seconds(12)));
}

#[tokio::test(start_paused = true)]
async fn without_leases_each_call_asks() {
    let world = World::new();
    world.failing.borrow_mut().push("increment");
    let host = world.host();
    let results = crowd(&world, 20, |_| {
        let host = Rc::clone(&host);
        async move { host.get(ACCOUNT).await }
    })
    .await;
    assert!(results.iter().all(|(result, took)| token(result) == "one" && *took < LATENCY));
    assert_eq!(world.count(), 20);
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
    type Case<'a> = (Answer, &'a [(&'a str, &'a str)], Check<'a>);
    let is = |expected: Error| move |error: &Option<Error>, _: &[Warning]| *error == Some(expected.clone());
    let field = is(Error::MalformedResponse(Malformed::Field("expires_at")));
    let dead_error = is(Error::AccountDead { reason: Some("revoked".to_owned()) });
    let unreachable = is(Error::Unreachable("DNS-error".to_owned()));
    let (forbidden, not_found) = (is(Error::Forbidden), is(Error::NotFound));
    let none = is(Error::NoCredentials);
    let cases: [Case<'_>; 8] = [
        (Answer::account("one", 0), &[], &expired),
        (Answer::account("one", 3600), &[("credwell_refresh_window_seconds", "31536000")], &fine),
        (Answer::body(malformed), &[], &field),
        (Answer::body(dead), &[("credwell_negative_cache_seconds", "0")], &dead_error),
        (Answer::status(403), &[("credwell_negative_cache_seconds", "0")], &forbidden),
        (Answer::status(404), &[("credwell_negative_cache_seconds", "0")], &not_found),
        (Answer::body(r#"{"data": {"id": "apn_a"}}"#), &[], &none),
        (Answer::failure(TransportError::Unreachable("DNS-error".to_owned())), &[], &unreachable),
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
    world.answer([Answer::account("one", 3600).after(LATENCY)]);
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
    world.answer([Answer::stalling(), Answer::stalling(), Answer::account("three", 3600)]);
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
    for (answer, is_ok) in [(Answer::account("one", 3600), true), (Answer::status(500), false)] {
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
    world.answer([Answer::account("two", 3600).after(seconds(1))]);
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
    world.answer([Answer::status(404)]);
    let (before, started) = (world.count(), world.elapsed());
    while world.elapsed() - started < seconds(5) {
        assert!(host.refresh("apn_other", None).await.is_err());
    }
    assert!((4..=5).contains(&(world.count() - before)), "{}", world.count() - before);

    let always = world.host_with(0, &[("credwell_forced_refresh_age_ms", "0")]);
    world.answer([Answer::account("one", 3600)]);
    let before = world.count();
    for _ in 0..5 {
        assert_eq!(always.refresh(ACCOUNT, None).await.unwrap().source, Source::Upstream);
    }
    assert_eq!(world.count(), before + 5);
}

#[tokio::test(start_paused = true)]
async fn a_crowd_of_accounts_makes_one_request_for_the_oauth_clients_token() {
    let client = [
        ("credwell_api_key", ""),
        ("credwell_request_form", "account"),
        ("credwell_oauth_client_id", "client"),
        ("credwell_oauth_client_secret", "secret"),
    ];
    let token_answer = r#"{"access_token": "client-token", "expires_in": 3600}"#;
    for (answer, accounts, is_ok) in [
        (Answer::body(token_answer), 100, true),
        (Answer::status(401), 0, false),
        (Answer::status(500), 0, false),
    ] {
        let world = World::new();
        world.answer_tokens(answer.after(LATENCY));
        let host = world.host_with(0, &client);
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
    let host = world.host_with(0, &client);
    host.get("apn_first").await.unwrap();
    world.answer(std::iter::repeat_n(Answer::status(401), 100).chain([Answer::account("one", 3600)]));
    world.answer_tokens(Answer::body(r#"{"access_token": "other-token", "expires_in": 3600}"#));
    let results = crowd(&world, 100, |n| {
        let host = Rc::clone(&host);
        async move { host.get(&format!("apn_{n}")).await }
    })
    .await;
    assert!(results.iter().all(|(result, _)| result.is_ok()));
    assert_eq!((world.token_count(), world.count()), (2, 201));
}

/// A 429 with a wait is about the API key, so no account of the key is asked for meanwhile.
#[tokio::test(start_paused = true)]
async fn a_rate_limit_holds_off_all_requests_with_the_key() {
    let world = World::new();
    let host = world.host();
    host.get("apn_cached").await.unwrap();
    tokio::time::sleep(seconds(3545)).await;
    world.answer([Answer::status(429).retry_after(40), Answer::account("two", 7200)]);
    let limited = Error::RateLimited { retry_after: Some(seconds(40)) };
    assert_eq!(host.get(ACCOUNT).await.unwrap_err(), limited);
    for _ in 0..10 {
        tokio::time::sleep(seconds(1)).await;
        match host.get("apn_b").await {
            Err(Error::RateLimited { retry_after: Some(wait) }) => assert!(wait < seconds(40), "{wait:?}"),
            other => panic!("{other:?}"),
        }
        // The stale token of another account is still valid.
        assert_eq!(token(&host.get("apn_cached").await), "one");
    }
    assert_eq!(world.count(), 2);
    // Another key has its own limit.
    let other = world.host_with(0, &[("credwell_api_key", "pd_other")]);
    assert_eq!(token(&other.get(ACCOUNT).await), "two");
    tokio::time::sleep(seconds(30)).await;
    assert_eq!(token(&host.get(ACCOUNT).await), "two");
}

/// The leader sleeps before its retry. The calls for other accounts don't ask meanwhile.
#[tokio::test(start_paused = true)]
async fn a_rate_limit_holds_off_before_the_retry_of_the_call_that_met_it() {
    let world = World::new();
    let host = world.host_with(0, &[("credwell_max_retries", "1")]);
    world.answer([Answer::status(429).retry_after(5), Answer::account("one", 3600)]);
    let results = queue(&world, 2, seconds(1), |n| {
        let host = Rc::clone(&host);
        async move { host.get(&format!("apn_{n}")).await }
    })
    .await;
    assert_eq!(token(&results[0].0), "one");
    assert!(matches!(results[1].0, Err(Error::RateLimited { .. })), "{:?}", results[1].0);
    assert_eq!(world.count(), 2);
}
