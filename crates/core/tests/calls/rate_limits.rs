//! Tests of the hold-off after a 429.

use crate::simulation::{ACCOUNT, UpstreamReply, World, queue, seconds, token};
use credwell_core::error::Error;
use std::rc::Rc;

/// A 429 with a wait is about the API key, so no account of the key is asked for meanwhile.
#[tokio::test(start_paused = true)]
async fn a_rate_limit_holds_off_all_requests_with_the_key() {
    let world = World::new();
    let host = world.host();
    host.get("apn_cached").await.unwrap();
    tokio::time::sleep(seconds(3545)).await;
    world.answer([UpstreamReply::status(429).retry_after(40), UpstreamReply::account("two", 7200)]);
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
    world.answer([UpstreamReply::status(429).retry_after(5), UpstreamReply::account("one", 3600)]);
    let results = queue(&world, 2, seconds(1), |n| {
        let host = Rc::clone(&host);
        async move { host.get(&format!("apn_{n}")).await }
    })
    .await;
    assert_eq!(token(&results[0].0), "one");
    assert!(matches!(results[1].0, Err(Error::RateLimited { .. })), "{:?}", results[1].0);
    assert_eq!(world.count(), 2);
}
