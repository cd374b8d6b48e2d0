//! Tests of the limits for slow and large responses.

use crate::scenario::{Account, assert_error, assert_token, case};
use host_test::{Error, Reply, Source};
use std::time::Duration;
use tokio::time::Instant;

const MIB: usize = 1024 * 1024;
const SPACES: &[u8] = &[b' '; 64 * 1024];

/// The body of an account, of `length` bytes.
fn body_of(length: usize) -> String {
    let body =
        |padding: &str| serde_json::json!({"data": Account::oauth("1").with("note", padding).0}).to_string();
    let rest = length - body("").len();
    body(&"x".repeat(rest))
}

fn message(error: &Error) -> String {
    format!("{error:?}")
}

case! {
    async fn each_timeout_is_enforced_and_named(
        scenario, builder => builder.config("credwell_max_retries", "0")
    ) {
        let account = || Account::oauth("1").reply();
        let whole = body_of(2000);
        let (one, other) = whole.split_at(1000);
        let pausing = Reply::status(200)
            .chunks([(Duration::ZERO, one.to_owned()), (Duration::from_millis(5100), other.to_owned())]);
        for (reply, allowed, name) in [
            (account().connect_after(Duration::from_millis(5100)), 5000, "credwell_connect_timeout_ms"),
            (account().head_after(Duration::from_millis(10_100)), 10_000, "credwell_first_byte_timeout_ms"),
            (pausing, 5000, "credwell_between_bytes_timeout_ms"),
        ] {
            let before = Instant::now();
            scenario.reply(reply);
            let error = scenario.get().await.unwrap_err();
            assert!(
                matches!(&error, Error::TimedOut(text) if text.contains(name)),
                "{name}: {}",
                message(&error)
            );
            let took = before.elapsed().as_millis();
            assert!((allowed..allowed + 100).contains(&took), "{name}: {took} ms");
        }
    }
}

case! {
    async fn a_slow_response_within_the_timeouts_succeeds(scenario) {
        let whole = body_of(2000);
        let (one, other) = whole.split_at(1000);
        let reply = Reply::status(200)
            .chunks([(Duration::from_secs(4), one.to_owned()), (Duration::from_secs(4), other.to_owned())])
            .connect_after(Duration::from_secs(4))
            .head_after(Duration::from_secs(9));
        scenario.reply(reply);
        assert_token(&scenario.get().await, "1", Source::Upstream);
    }
}

case! {
    /// A body that arrives byte by byte violates no other timeout.
    async fn the_deadline_bounds_the_whole_call(scenario, builder => builder
        .config("credwell_deadline_ms", "12000")
    ) {
        let trickle = body_of(2000).into_bytes().into_iter().map(|byte| (Duration::from_secs(1), vec![byte]));
        scenario.reply(Reply::status(200).chunks(trickle.collect::<Vec<_>>()));
        let before = Instant::now();
        let error = scenario.get().await.unwrap_err();
        assert!(
            matches!(&error, Error::TimedOut(text) if text.contains("credwell_deadline_ms")),
            "{}",
            message(&error)
        );
        let took = before.elapsed().as_millis();
        assert!((12_000..12_100).contains(&took), "{took} ms");
    }
}

case! {
    async fn the_deadline_bounds_all_attempts_together(scenario, builder => builder
        .config("credwell_deadline_ms", "12000")
        .config("credwell_max_retries", "10")
    ) {
        scenario.harness.upstream.always(Account::oauth("1").reply().head_after(Duration::from_secs(60)));
        let before = Instant::now();
        assert_error(&scenario.get().await, "timed-out");
        let took = before.elapsed().as_millis();
        assert!((12_000..12_100).contains(&took), "{took} ms");
        assert_eq!(scenario.requests(), 2);
    }
}

case! {
    async fn a_body_of_one_mebibyte_is_read_and_one_byte_more_is_refused(scenario) {
        scenario.reply(Reply::status(200).body(body_of(MIB)));
        assert_token(&scenario.get().await, "1", Source::Upstream);
        scenario.forget().await.unwrap();
        scenario.reply(Reply::status(200).body(body_of(MIB + 1)));
        let error = scenario.get().await.unwrap_err();
        assert!(
            matches!(&error, Error::MalformedResponse(text) if text.contains("1 MiB")),
            "{}",
            message(&error)
        );
        // There is no retry: the body would be as large again.
        assert_eq!(scenario.requests(), 2);
    }
}

case! {
    /// The component refuses an announced length without reading the body, and an endless body at the limit.
    async fn a_body_that_is_too_large_is_not_read_to_its_end(scenario) {
        let before = Instant::now();
        let endless = (0..1000).map(|_| (Duration::from_millis(1), SPACES));
        scenario.reply(Reply::status(200).chunks(endless.collect::<Vec<_>>()));
        assert_error(&scenario.get().await, "malformed-response");
        assert!(before.elapsed() < Duration::from_millis(500), "{:?}", before.elapsed());

        let before = Instant::now();
        let announced = Reply::status(200).header("content-length", "2000000000");
        scenario.reply(announced.chunks([(Duration::from_secs(3), vec![b' '; 10])]));
        assert_error(&scenario.get().await, "malformed-response");
        assert!(before.elapsed() < Duration::from_millis(100), "{:?}", before.elapsed());
    }
}

case! {
    /// The component needs no body for an error, whatever its size and speed.
    async fn the_body_of_an_error_is_not_read(scenario) {
        let before = Instant::now();
        let slow = (0..100).map(|_| (Duration::from_secs(4), SPACES));
        scenario.reply(Reply::status(404).chunks(slow.collect::<Vec<_>>()));
        assert_error(&scenario.get().await, "not-found");
        assert!(before.elapsed() < Duration::from_millis(100));
    }
}

case! {
    async fn a_body_in_many_chunks_is_put_together(scenario) {
        let whole = body_of(30_000).into_bytes();
        let chunks = whole.chunks(7).map(|chunk| (Duration::ZERO, chunk.to_vec()));
        scenario.reply(Reply::status(200).chunks(chunks.collect::<Vec<_>>()));
        assert_token(&scenario.get().await, "1", Source::Upstream);
    }
}

case! {
    /// The body is an endless series of empty chunks, each within the timeout.
    async fn a_body_without_progress_ends_at_the_deadline(scenario) {
        let nothing = (0..4000).map(|_| (Duration::from_millis(10), Vec::new()));
        scenario.reply(Reply::status(200).chunks(nothing.collect::<Vec<_>>()));
        let before = Instant::now();
        assert_error(&scenario.get().await, "timed-out");
        assert!(before.elapsed() < Duration::from_millis(30_100), "{:?}", before.elapsed());
    }
}

case! {
    /// Some hosts don't apply their timeouts to a connection that stalls before the request is sent.
    async fn connection_and_first_byte_together_have_a_limit(scenario, builder => builder
        .config("credwell_max_retries", "0")
    ) {
        scenario.reply(Reply::stalling());
        let before = Instant::now();
        assert_error(&scenario.get().await, "timed-out");
        let took = before.elapsed().as_millis();
        assert!((15_000..15_100).contains(&took), "{took} ms");
    }
}
