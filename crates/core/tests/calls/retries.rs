//! Tests of the retries of a request, and of its limits in time.

use crate::simulation::{ACCOUNT, UpstreamReply, World, seconds, token};
use credwell_core::error::{Error, Malformed};
use credwell_core::ports::{Limits, Phase, TransportError};
use std::time::Duration;

const TWO_RETRIES: (&str, &str) = ("credwell_max_retries", "2");

fn timed_out(phase: Phase) -> UpstreamReply {
    UpstreamReply::failure(TransportError::TimedOut(phase)).after(Duration::ZERO)
}

fn text(code: &str) -> String {
    code.to_owned()
}

/// The answers, and whether a request is repeated after them: one for an account, and one for a token.
fn cases() -> Vec<(UpstreamReply, bool, bool)> {
    let failure = UpstreamReply::failure;
    vec![
        (UpstreamReply::status(429), true, true),
        (UpstreamReply::status(503), true, true),
        (UpstreamReply::status(502), true, false),
        (UpstreamReply::status(504), true, false),
        (UpstreamReply::status(300), false, false),
        (UpstreamReply::status(400), false, false),
        (UpstreamReply::status(401), false, false),
        (UpstreamReply::status(403), false, false),
        (UpstreamReply::status(404), false, false),
        (UpstreamReply::status(500), false, false),
        (failure(TransportError::Unreachable(text("DNS-error"))), true, true),
        (failure(TransportError::ConnectionBroken(text("connection-terminated"))), true, false),
        (failure(TransportError::Denied(text("HTTP-request-denied"))), false, false),
        (failure(TransportError::BodyTooLarge), false, false),
        (timed_out(Phase::Lookup), true, true),
        (timed_out(Phase::Connect), true, true),
        (timed_out(Phase::FirstByte), true, false),
        (timed_out(Phase::BetweenBytes), true, false),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_request_for_an_account_is_repeated_after_a_temporary_failure() {
    for (n, (answer, is_repeated, _)) in cases().into_iter().enumerate() {
        let world = World::new();
        world.answer([answer]);
        assert!(world.host_with(0, &[TWO_RETRIES]).get(ACCOUNT).await.is_err());
        assert_eq!(world.count(), if is_repeated { 3 } else { 1 }, "case {n}");
    }
}

/// The request for a token is a POST.
#[tokio::test(start_paused = true)]
async fn a_request_for_a_token_is_repeated_if_the_upstream_has_not_acted_on_it() {
    let client = [
        ("credwell_api_key", ""),
        ("credwell_request_form", "account"),
        ("credwell_oauth_client_id", "client"),
        ("credwell_oauth_client_secret", "secret"),
        TWO_RETRIES,
    ];
    for (n, (answer, _, is_repeated)) in cases().into_iter().enumerate() {
        let world = World::new();
        world.answer_tokens(answer);
        assert!(world.host_with(0, &client).get(ACCOUNT).await.is_err());
        assert_eq!(world.token_count(), if is_repeated { 3 } else { 1 }, "case {n}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_failure_of_the_transport_has_its_error() {
    let unreachable = |code: &str| Error::Unreachable(text(code));
    for (error, expected) in [
        (TransportError::Unreachable(text("a")), unreachable("a")),
        (TransportError::ConnectionBroken(text("b")), unreachable("b")),
        (TransportError::Denied(text("c")), unreachable("c")),
        (TransportError::BodyTooLarge, Error::MalformedResponse(Malformed::TooLarge)),
        (TransportError::TimedOut(Phase::Connect), Error::TimedOut(Phase::Connect)),
    ] {
        let world = World::new();
        world.answer([UpstreamReply::failure(error)]);
        assert_eq!(world.host().get(ACCOUNT).await.unwrap_err(), expected);
    }
}

/// The wait is at most 20 s.
#[tokio::test(start_paused = true)]
async fn a_wait_that_the_upstream_asks_for_precedes_the_retry() {
    for (wait, is_repeated) in [(0, true), (7, true), (20, true), (21, false)] {
        let world = World::new();
        world.answer([UpstreamReply::status(503).retry_after(wait), UpstreamReply::account("one", 3600)]);
        let result = world.host_with(0, &[TWO_RETRIES]).get(ACCOUNT).await;
        if is_repeated {
            assert_eq!(token(&result), "one");
            assert!(world.elapsed() >= seconds(wait) && world.elapsed() < seconds(wait + 2));
        } else {
            let retry_after = Some(seconds(wait));
            assert_eq!(result.unwrap_err(), Error::UpstreamFailure { status: 503, retry_after });
            assert!(world.elapsed() < seconds(1));
        }
        assert_eq!(world.count(), 1 + usize::from(is_repeated));
    }
}

/// A 429 with a wait of zero holds nobody off.
#[tokio::test(start_paused = true)]
async fn a_wait_of_zero_is_no_hold_off() {
    let world = World::new();
    world.answer([UpstreamReply::status(429).retry_after(0), UpstreamReply::account("one", 3600)]);
    let host = world.host();
    assert_eq!(
        host.get(ACCOUNT).await.unwrap_err(),
        Error::RateLimited { retry_after: Some(Duration::ZERO) }
    );
    assert_eq!(world.keys(), [""; 0]);
    assert_eq!(token(&host.get(ACCOUNT).await), "one");
}

#[tokio::test(start_paused = true)]
async fn the_limits_of_a_request_end_with_the_deadline() {
    let world = World::new();
    world.store_latency.set(Duration::ZERO);
    let ms = Duration::from_millis;
    let limits = |deadline: &'static str| [("credwell_deadline_ms", deadline), TWO_RETRIES];
    world.host_with(0, &limits("30000")).get("apn_a").await.unwrap();
    let [connect, first_byte, between_bytes, total] = [5_000, 10_000, 5_000, 30_000].map(ms);
    assert_eq!(world.last_limits(), Some(Limits { connect, first_byte, between_bytes, total }));
    world.host_with(0, &limits("3000")).get("apn_b").await.unwrap();
    let total = ms(3_000);
    let short = Limits { connect: total, first_byte: total, between_bytes: total, total };
    assert_eq!(world.last_limits(), Some(short));

    // All of the time of a call is over after a request that stalls.
    world.answer([UpstreamReply::stalling()]);
    let began_at = world.elapsed();
    let error = world.host_with(0, &limits("3000")).get("apn_c").await.unwrap_err();
    assert_eq!(error, Error::TimedOut(Phase::Deadline));
    assert_eq!(world.elapsed() - began_at, total);
}
