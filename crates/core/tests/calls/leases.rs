//! Tests of the lease: who holds it, and what happens if its holder dies or stands still.

use crate::simulation::{ACCOUNT, UpstreamReply, World, crowd, frozen_during, queue, seconds, token};
use credwell_core::calls::credentials::Source;
use credwell_core::error::Error;
use std::rc::Rc;
use std::time::Duration;

const LATENCY: Duration = Duration::from_millis(600);

/// The request goes over the end of each time slice of every clock.
#[tokio::test(start_paused = true)]
async fn a_long_request_has_one_flight() {
    for (ahead, latency) in [(0, 8), (7, 8), (-7, 8), (15, 8), (-15, 8), (15, 1), (3600, 25)] {
        let world = World::new();
        world.answer([UpstreamReply::account("one", 9000).after(seconds(latency))]);
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
    world.answer([UpstreamReply::stalling()]);
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
        let two = UpstreamReply::account("two", 3600);
        world.answer(if died_after >= 40 { vec![UpstreamReply::stalling(), two] } else { vec![two] });
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
        world.answer(
            answers.map(|(token, latency)| UpstreamReply::account(token, 9000).after(seconds(latency))),
        );
        let host = world.host_with(0, &[("credwell_first_byte_timeout_ms", "60000")]);
        let results = queue(&world, 20, seconds(1), |n| {
            let (host, world) = (Rc::clone(&host), Rc::clone(&world));
            let frozen = if n == 0 { seconds(1)..seconds(10) } else { seconds(0)..seconds(0) };
            async move { frozen_during(&world, frozen, host.get(ACCOUNT)).await }
        })
        .await;
        assert!(results.iter().all(|(result, _)| ["one", "two"].contains(&token(result).as_str())));
        assert_eq!((world.count(), world.keys().len()), (2, 1), "{first} {second} {:?}", world.keys());
    }
}

#[tokio::test(start_paused = true)]
async fn a_stale_entry_is_served_without_a_refresh_for_at_most_a_slice() {
    let world = World::new();
    let host = world.host();
    host.get(ACCOUNT).await.unwrap();
    tokio::time::sleep(seconds(3545)).await;
    world.answer([UpstreamReply::stalling(), UpstreamReply::account("two", 7200)]);
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

/// The leaders for two accounts die. Each account has an observer of its own.
#[tokio::test(start_paused = true)]
async fn two_dead_leaders_are_observed_at_the_same_time() {
    let world = World::new();
    let host = world.host();
    let accounts = ["apn_a", "apn_b"];
    for account in accounts {
        host.get(account).await.unwrap();
    }
    world.sleep_until(seconds(3545)).await;
    world.answer([UpstreamReply::stalling(), UpstreamReply::stalling(), UpstreamReply::account("two", 7200)]);
    for account in accounts {
        assert!(tokio::time::timeout(seconds(1), host.get(account)).await.is_err());
    }
    let died_at = world.elapsed();
    let results = queue(&world, 100, Duration::from_millis(200), |n| {
        let (host, world) = (Rc::clone(&host), Rc::clone(&world));
        async move { (host.get(accounts[n % 2]).await, world.elapsed()) }
    })
    .await;
    for offset in [0, 1] {
        let calls = results.iter().skip(offset).step_by(2);
        let renewed = calls.filter(|((result, _), _)| token(result) == "two");
        let renewed_at = renewed.map(|((_, at), _)| *at).min().unwrap() - died_at;
        assert!(renewed_at <= seconds(12), "{renewed_at:?}");
    }
    assert_eq!(world.count(), 6);
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
        world.answer([UpstreamReply::account("two", 9000).after(seconds(9))]);
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
        world.answer([UpstreamReply::account("two", 7200)]);
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
    world.answer([UpstreamReply::account("one", 3600).after(seconds(1))]);
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

/// The bucket for the renewal of the lease doesn't open.
#[tokio::test(start_paused = true)]
async fn a_leader_that_can_not_renew_its_lease_asks_all_the_same() {
    let world = World::new();
    // The first bucket is the one of the entries.
    world.opens_before_failure.set(Some(1));
    assert_eq!(token(&world.host().get(ACCOUNT).await), "one");
    assert_eq!((world.count(), world.opens_before_failure.get()), (1, None));
    assert!(world.elapsed() < LATENCY);
}

/// The request of the first leader fails while its host is frozen. Meanwhile a follower has taken the lease
/// over, and its request goes on.
#[tokio::test(start_paused = true)]
async fn a_frozen_leader_whose_request_fails_does_not_release_the_lease_of_its_successor() {
    let world = World::new();
    let host = world.host_with(0, &[("credwell_first_byte_timeout_ms", "60000")]);
    world.answer([
        UpstreamReply::status(500).after(seconds(9)),
        UpstreamReply::account("two", 9000).after(seconds(12)),
        UpstreamReply::account("three", 9000),
    ]);
    let results = queue(&world, 20, seconds(1), |n| {
        let (host, world) = (Rc::clone(&host), Rc::clone(&world));
        let frozen = if n == 0 { seconds(1)..seconds(10) } else { seconds(0)..seconds(0) };
        async move { frozen_during(&world, frozen, host.get(ACCOUNT)).await }
    })
    .await;
    assert_eq!(world.count(), 2);
    // Those who come after the failure follow the successor.
    assert!(results.iter().skip(11).all(|(result, _)| token(result) == "two"));
    assert_eq!(token(&host.get(ACCOUNT).await), "two");
}
