//! Tests of the moments at which an answer of the cache ends. The store takes no time here.

use crate::simulation::{ACCOUNT, START, UpstreamReply, World, seconds, token};
use credwell_core::calls::credentials::{Source, Warning};
use credwell_core::error::Error;
use credwell_core::ports::Phase;
use std::rc::Rc;
use std::time::Duration;

const MILLISECOND: Duration = Duration::from_millis(1);

fn world() -> Rc<World> {
    let world = World::new();
    world.store_latency.set(Duration::ZERO);
    world
}

#[tokio::test(start_paused = true)]
async fn a_negative_entry_ends_with_its_age() {
    let world = world();
    let host = world.host_with(0, &[("credwell_negative_cache_seconds", "30")]);
    world.answer([UpstreamReply::status(404)]);
    assert_eq!(host.get(ACCOUNT).await.unwrap_err(), Error::NotFound);
    world.sleep_until(seconds(30) - MILLISECOND).await;
    assert_eq!(host.get(ACCOUNT).await.unwrap_err(), Error::NotFound);
    assert_eq!(world.count(), 1);
    world.sleep_until(seconds(30)).await;
    assert_eq!(host.get(ACCOUNT).await.unwrap_err(), Error::NotFound);
    assert_eq!(world.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_entry_from_the_future_is_not_used() {
    for answer in [UpstreamReply::status(404), UpstreamReply::account("one", 9000)] {
        let world = world();
        world.answer([answer]);
        let _ = world.host_with(21, &[]).get(ACCOUNT).await;
        world.answer([UpstreamReply::account("two", 9000)]);
        assert_eq!(token(&world.host().get(ACCOUNT).await), "two");
    }
}

#[tokio::test(start_paused = true)]
async fn a_forced_refresh_asks_again_after_the_configured_age() {
    let world = world();
    let host = world.host_with(0, &[("credwell_forced_refresh_age_ms", "1500")]);
    host.get(ACCOUNT).await.unwrap();
    world.sleep_until(Duration::from_millis(1499)).await;
    assert_eq!(host.refresh(ACCOUNT, None).await.unwrap().source, Source::Cache);
    world.sleep_until(Duration::from_millis(1500)).await;
    assert_eq!(host.refresh(ACCOUNT, None).await.unwrap().source, Source::Upstream);
}

#[tokio::test(start_paused = true)]
async fn credentials_are_fresh_until_the_earliest_refresh() {
    let world = world();
    // The window of 60 s, and half of it for the jitter.
    let fresh_until = Some(START.after(seconds(3510)));
    for _ in 0..2 {
        assert_eq!(world.host().get(ACCOUNT).await.unwrap().fresh_until, fresh_until);
    }
}

/// The upstream's own refresh can revoke the present token.
#[tokio::test(start_paused = true)]
async fn credentials_are_refreshed_when_the_upstream_refreshes_them() {
    let world = world();
    let host = world.host();
    // 100 s after the start.
    let fields =
        r#""credentials": {"oauth_access_token": "one"}, "next_refresh_at": "2026-01-01T00:01:43.400Z""#;
    world.answer([
        UpstreamReply::body(&format!(r#"{{"data": {{{fields}}}}}"#)),
        UpstreamReply::account("two", 3600),
    ]);
    host.get(ACCOUNT).await.unwrap();
    world.sleep_until(seconds(100) - MILLISECOND).await;
    assert_eq!(token(&host.get(ACCOUNT).await), "one");
    world.sleep_until(seconds(100)).await;
    assert_eq!(token(&host.get(ACCOUNT).await), "two");
}

/// The refresh fails, and takes so long that the stale credentials expire meanwhile.
#[tokio::test(start_paused = true)]
async fn credentials_that_expire_during_their_refresh_are_not_served() {
    for (latency, is_served) in [(seconds(5) - MILLISECOND, true), (seconds(5), false)] {
        let world = world();
        let host = world.host();
        host.get(ACCOUNT).await.unwrap();
        world.sleep_until(seconds(3595)).await;
        world.answer([UpstreamReply::status(500).after(latency)]);
        assert_eq!(host.get(ACCOUNT).await.is_ok(), is_served, "{latency:?}");
        assert_eq!(world.keys().len(), usize::from(is_served));
    }
}

/// The leader brings credentials that had expired. A follower takes them with the same warning.
#[tokio::test(start_paused = true)]
async fn expired_credentials_come_with_a_warning() {
    let world = world();
    world.answer([UpstreamReply::account("one", 0)]);
    let credentials = world.host().get(ACCOUNT).await.unwrap();
    assert_eq!((credentials.source, credentials.warnings), (Source::Upstream, vec![Warning::AlreadyExpired]));
    assert_eq!(world.host().get(ACCOUNT).await.unwrap().source, Source::Upstream);
}

#[tokio::test(start_paused = true)]
async fn a_hold_off_ends_with_its_wait_or_after_five_minutes() {
    for (wait, held_off) in [(40, seconds(40)), (300, seconds(300)), (301, seconds(300))] {
        let world = world();
        let host = world.host();
        world.answer([UpstreamReply::status(429).retry_after(wait), UpstreamReply::account("one", 3600)]);
        assert!(host.get("apn_a").await.is_err());
        let end = world.elapsed() + held_off;
        for rest in [held_off, MILLISECOND] {
            world.sleep_until(end - rest).await;
            let limited = Error::RateLimited { retry_after: Some(rest) };
            assert_eq!(host.get("apn_b").await.unwrap_err(), limited);
        }
        assert_eq!(world.count(), 1);
        world.sleep_until(end).await;
        assert_eq!(token(&host.get("apn_b").await), "one");
    }
}

/// The end is more than five minutes away, so the clock has stepped back since the wait began.
#[tokio::test(start_paused = true)]
async fn a_hold_off_of_a_host_with_a_clock_far_ahead_is_ignored() {
    let world = world();
    world.answer([UpstreamReply::status(429).retry_after(300), UpstreamReply::account("one", 3600)]);
    assert!(world.host_with(1, &[]).get("apn_a").await.is_err());
    assert_eq!(token(&world.host().get("apn_b").await), "one");
}

/// The other half is for the caller, who does something with the stale credentials.
#[tokio::test(start_paused = true)]
async fn the_refresh_of_stale_credentials_gets_half_of_the_time() {
    let world = world();
    let host = world.host_with(0, &[("credwell_first_byte_timeout_ms", "60000")]);
    host.get(ACCOUNT).await.unwrap();
    world.sleep_until(seconds(3560)).await;
    world.answer([UpstreamReply::stalling()]);
    let credentials = host.get(ACCOUNT).await.unwrap();
    assert_eq!(credentials.warnings, [Warning::RefreshFailed(Error::TimedOut(Phase::Deadline))]);
    assert_eq!(world.elapsed(), seconds(3575));
    // Without credentials the call has all of the time.
    assert_eq!(host.get("apn_b").await.unwrap_err(), Error::TimedOut(Phase::Deadline));
    assert_eq!(world.elapsed(), seconds(3605));
}
