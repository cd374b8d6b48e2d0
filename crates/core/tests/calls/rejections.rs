//! Tests of the refresh of credentials that an app has rejected.

use crate::simulation::{ACCOUNT, UpstreamReply, World, seconds, token};
use credwell_core::calls::credentials::{Source, Warning};
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn another_token_than_the_rejected_one_comes_from_the_cache() {
    let world = World::new();
    let host = world.host();
    host.get(ACCOUNT).await.unwrap();
    world.answer([UpstreamReply::account("two", 7200)]);
    for time in [1, 3550] {
        world.sleep_until(seconds(time)).await;
        let credentials = host.refresh(ACCOUNT, Some("zero")).await.unwrap();
        assert_eq!((credentials.source, credentials.is_renewed), (Source::Cache, false));
        assert_eq!(token(&Ok(credentials)), "one");
    }
    assert_eq!(world.count(), 1);
    let credentials = host.refresh(ACCOUNT, Some("one")).await.unwrap();
    assert_eq!((credentials.source, credentials.is_renewed), (Source::Upstream, true));
    assert_eq!(token(&Ok(credentials)), "two");
    assert_eq!(token(&host.refresh(ACCOUNT, Some("one")).await), "two");
    assert_eq!(world.count(), 2);
}

/// The waits are 5 s, 10 s and 20 s.
#[tokio::test(start_paused = true)]
async fn a_rejected_token_that_the_upstream_gives_again_is_backed_off() {
    let world = World::new();
    let host = world.host();
    world.store_latency.set(Duration::ZERO);
    world.answer([UpstreamReply::account("one", 3600).after(Duration::ZERO)]);
    host.get(ACCOUNT).await.unwrap();
    for (n, wait) in [5, 10, 20].into_iter().enumerate() {
        let credentials = host.refresh(ACCOUNT, Some("one")).await.unwrap();
        assert_eq!(credentials.warnings, [Warning::TokenUnchanged(seconds(wait))]);
        assert_eq!((credentials.source, world.count()), (Source::Upstream, n + 2));
        tokio::time::sleep(seconds(wait) - Duration::from_millis(1)).await;
        let credentials = host.refresh(ACCOUNT, Some("one")).await.unwrap();
        assert_eq!(credentials.warnings, [Warning::TokenUnchanged(Duration::from_millis(1))]);
        assert_eq!((credentials.source, world.count()), (Source::Cache, n + 2));
        // For callers that have not rejected the token, it is as good as before.
        let credentials = host.get(ACCOUNT).await.unwrap();
        assert_eq!((credentials.source, credentials.warnings), (Source::Cache, vec![]));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A rejected token is no reserve: the call fails with the upstream.
#[tokio::test(start_paused = true)]
async fn a_failed_refresh_of_a_rejected_token_fails() {
    let world = World::new();
    let host = world.host();
    host.get(ACCOUNT).await.unwrap();
    for time in [1, 3550] {
        world.sleep_until(seconds(time)).await;
        world.answer([UpstreamReply::status(503)]);
        assert!(host.refresh(ACCOUNT, Some("one")).await.is_err());
    }
    assert_eq!(world.count(), 3);
}
