//! Tests of calls that ask the upstream at the same time, because their store has no leases.

use crate::simulation::{ACCOUNT, UpstreamReply, World, queue, seconds, token};
use credwell_core::calls::credentials::{Credentials, Source, Warning};
use credwell_core::error::Error;
use std::rc::Rc;

type CallResult = Result<Credentials, Error>;

/// The slow call begins first and ends last. The fast call runs meanwhile.
async fn slow_and_fast(world: &Rc<World>, rejected: Option<&'static str>) -> (CallResult, CallResult) {
    world.failing.borrow_mut().push("increment");
    let host = world.host_with(0, &[("credwell_negative_cache_seconds", "0")]);
    let mut results = queue(world, 2, seconds(1), |n| {
        let host = Rc::clone(&host);
        async move {
            match rejected {
                Some(rejected) if n == 0 => host.refresh(ACCOUNT, Some(rejected)).await,
                _ => host.get(ACCOUNT).await,
            }
        }
    })
    .await;
    let (fast, slow) = (results.remove(1).0, results.remove(0).0);
    (slow, fast)
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_returns_the_newer_credentials_of_a_fast_one() {
    let world = World::new();
    world.answer([
        UpstreamReply::account("slow", 3600).after(seconds(5)),
        UpstreamReply::account("fast", 3600),
    ]);
    let (slow, fast) = slow_and_fast(&world, None).await;
    assert_eq!([token(&slow), token(&fast)], ["fast", "fast"]);
    assert_eq!((slow.unwrap().source, fast.unwrap().source), (Source::Cache, Source::Upstream));
    assert_eq!(token(&world.host().get(ACCOUNT).await), "fast");
    assert_eq!(world.count(), 2);
}

/// Both calls end in the order in which they began. The later one has the newer credentials, also if both
/// began in the same millisecond.
#[tokio::test(start_paused = true)]
async fn a_call_returns_its_own_credentials_if_they_are_not_older() {
    for gap in [0, 1] {
        let world = World::new();
        world.store_latency.set(seconds(0));
        world.failing.borrow_mut().push("increment");
        let replies = [("first", 3), ("second", 5)];
        world.answer(replies.map(|(name, wait)| UpstreamReply::account(name, 3600).after(seconds(wait))));
        let host = world.host();
        let results = queue(&world, 2, seconds(gap), |_| {
            let host = Rc::clone(&host);
            async move { host.get(ACCOUNT).await }
        })
        .await;
        let mut tokens = [token(&results[0].0), token(&results[1].0)];
        tokens.sort_unstable();
        assert_eq!(tokens, ["first", "second"], "{gap}");
        assert_eq!(token(&host.get(ACCOUNT).await), "second");
    }
}

/// The newer credentials are of no use to the slow call, so it returns its own.
#[tokio::test(start_paused = true)]
async fn a_slow_call_does_not_return_newer_credentials_that_are_expired_or_rejected() {
    for (expires_at, rejected) in [(3, None), (3600, Some("fast"))] {
        let world = World::new();
        let fast = UpstreamReply::account("fast", expires_at);
        world.answer([UpstreamReply::account("slow", 3600).after(seconds(5)), fast]);
        let (slow, fast) = slow_and_fast(&world, rejected).await;
        assert_eq!([token(&slow), token(&fast)], ["slow", "fast"]);
        assert_eq!(slow.unwrap().source, Source::Upstream);
    }
}

/// The refresh of stale credentials fails, and a faster one succeeds meanwhile.
#[tokio::test(start_paused = true)]
async fn a_failed_refresh_returns_the_newer_credentials_of_a_fast_call() {
    for expires_at in [9000, 3552] {
        let world = World::new();
        world.host().get(ACCOUNT).await.unwrap();
        world.sleep_until(seconds(3549)).await;
        world.answer([
            UpstreamReply::status(500).after(seconds(5)),
            UpstreamReply::account("fast", expires_at),
        ]);
        let (slow, _) = slow_and_fast(&world, None).await;
        let (slow, is_newer_valid) = (slow.unwrap(), expires_at == 9000);
        let has_failed = slow.warnings.iter().any(|warning| matches!(warning, Warning::RefreshFailed(_)));
        assert_eq!((slow.source, has_failed), (Source::Cache, !is_newer_valid));
        assert_eq!(token(&Ok(slow)), if is_newer_valid { "fast" } else { "one" });
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_does_not_remove_a_newer_entry() {
    let world = World::new();
    world.host().get(ACCOUNT).await.unwrap();
    world.sleep_until(seconds(3549)).await;
    world.answer([UpstreamReply::status(403).after(seconds(5)), UpstreamReply::account("fast", 9000)]);
    let (slow, _) = slow_and_fast(&world, None).await;
    assert_eq!(slow.unwrap_err(), Error::Forbidden);
    assert_eq!(token(&world.host().get(ACCOUNT).await), "fast");
}

/// The clock of the host that wrote the entry is ahead. Its entry is not newer than what a later call brings.
#[tokio::test(start_paused = true)]
async fn an_entry_of_a_host_with_another_clock_is_replaced() {
    let world = World::new();
    world.host_with(15, &[]).get(ACCOUNT).await.unwrap();
    tokio::time::sleep(seconds(2)).await;
    world.answer([UpstreamReply::account("two", 3600)]);
    let host = world.host_with(0, &[("credwell_forced_refresh_age_ms", "0")]);
    assert_eq!(token(&host.refresh(ACCOUNT, None).await), "two");
    assert_eq!(token(&host.get(ACCOUNT).await), "two");
}
