//! Tests of the permits of requests: those that wait for the upstream leave permits for those that don't.

use super::{CACHED, LIMIT, account, assert_hits, get, path, start, until};
use chrono::{DateTime, SecondsFormat};
use credwell_host::{Broker, Metrics};
use host_test::{
    BrokerHarness, BrokerHarnessBuilder, Flavour, MemoryKeyValue, MockUpstream, Operation, Reply,
    TEST_API_KEY,
};
use serde_json::json;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// More requests than half of the instances.
const MISSES: usize = 140;

/// An upstream that has [`CACHED`] and gives this reply for everything else.
fn upstream(otherwise: Reply) -> MockUpstream {
    let upstream = MockUpstream::new();
    upstream.respond_with(move |request| {
        if request.uri.path().contains(CACHED) { account(CACHED) } else { otherwise.clone() }
    });
    upstream
}

/// An upstream whose replies never come, except for [`CACHED`].
fn stalling() -> MockUpstream {
    upstream(Reply::stalling())
}

/// A harness whose calls wait for ten minutes.
fn harness(flavour: Flavour, upstream: &MockUpstream) -> BrokerHarnessBuilder {
    // A broker of its own, because the instances of other tests would take its room.
    let broker = Broker::new(flavour).expect("the broker is built");
    BrokerHarness::builder(flavour)
        .broker(broker)
        .upstream(upstream.clone())
        .config("credwell_first_byte_timeout_ms", "600000")
        .config("credwell_deadline_ms", "600000")
}

/// Fills the cache.
async fn warm(address: SocketAddr) {
    let response = get(address, &path(CACHED), TEST_API_KEY).await;
    assert!(response.starts_with("http/1.1 200"), "{response}");
}

/// Sends requests at once, each for an account of its own and with a key of its own.
fn send_misses(address: SocketAddr, number: usize) -> Vec<JoinHandle<String>> {
    let request = move |number| async move {
        get(address, &path(&format!("apn_{number}")), &format!("pd_made_up_key_{number}")).await
    };
    (0..number).map(|number| tokio::spawn(request(number))).collect()
}

/// Checks that a response is the listener's 503.
#[track_caller]
fn assert_overloaded(response: &str) {
    assert!(response.starts_with("http/1.1 503"), "{response}");
    assert!(response.contains("urn:credwell:problem:overloaded"), "{response}");
    assert!(response.contains("retry-after: 1\r\n"), "{response}");
}

#[tokio::test]
async fn hits_are_answered_while_an_upstream_stalls() {
    for flavour in Flavour::ALL {
        let upstream = stalling();
        let address = start(harness(flavour, &upstream).build().listener().await);
        warm(address).await;
        let misses = send_misses(address, MISSES);
        until(|| upstream.count() == 1 + MISSES).await;
        println!("the slowest of 20 hits took {:?}", assert_hits(address).await);
        assert!(misses.iter().all(|miss| !miss.is_finished()), "a miss ended before the hits");
        misses.iter().for_each(JoinHandle::abort);
    }
}

#[tokio::test]
async fn hits_are_answered_while_calls_wait_for_a_rate_limit() {
    for flavour in Flavour::ALL {
        let upstream = upstream(Reply::status(429).header("retry-after", "20"));
        let address = start(harness(flavour, &upstream).build().listener().await);
        warm(address).await;
        let misses = send_misses(address, MISSES);
        until(|| upstream.count() == 1 + MISSES).await;
        println!("the slowest of 20 hits took {:?}", assert_hits(address).await);
        for miss in misses {
            if !miss.is_finished() {
                miss.abort();
                continue;
            }
            // Only the upstream's own status may end a miss.
            let response = miss.await.expect("the request doesn't panic");
            assert!(response.starts_with("http/1.1 429"), "{response}");
        }
    }
}

#[tokio::test]
async fn requests_that_may_not_wait_are_refused_and_hits_go_on() {
    let (upstream, metrics) = (stalling(), Metrics::new());
    let listener = harness(Flavour::Wasmtime, &upstream).build().listener().await;
    let address = start(listener.concurrency_limit(16).metrics(metrics.clone()));
    warm(address).await;
    // Fourteen of sixteen requests may wait. These are more, one after the other.
    let mut waiting = Vec::new();
    let mut refused = 0;
    for number in 0..20 {
        let path = path(&format!("apn_{number}"));
        let mut request = tokio::spawn(async move { get(address, &path, TEST_API_KEY).await });
        if number < 14 {
            until(|| upstream.count() == 2 + number).await;
            waiting.push(request);
        } else {
            assert_overloaded(&timeout(LIMIT, &mut request).await.expect("an answer").expect("no panic"));
            refused += 1;
        }
    }
    assert_eq!((upstream.count(), refused), (15, 6));
    assert_hits(address).await;
    assert!(waiting.iter().all(|request| !request.is_finished()));
    let text = metrics.text();
    assert!(text.contains("credwell_host_requests_waiting 14\n"), "{text}");
    assert!(text.contains("credwell_host_requests_refused_total{reason=\"overloaded\"} 6\n"), "{text}");
    assert!(text.contains("credwell_host_instances_failed_total 0\n"), "{text}");
}

#[tokio::test]
async fn followers_that_may_not_wait_are_refused_and_hits_go_on() {
    let (upstream, metrics) =
        (upstream(account("apn_slow").head_after(Duration::from_secs(5))), Metrics::new());
    let listener = harness(Flavour::Wasmtime, &upstream).build().listener().await;
    let address = start(listener.concurrency_limit(16).metrics(metrics.clone()));
    warm(address).await;
    let mut requests = vec![tokio::spawn(async move { get(address, &path("apn_slow"), TEST_API_KEY).await })];
    until(|| upstream.count() == 2).await;
    for _ in 0..30 {
        requests.push(tokio::spawn(async move { get(address, &path("apn_slow"), TEST_API_KEY).await }));
    }
    until(|| metrics.text().contains("credwell_host_requests_waiting 14\n")).await;
    println!("the slowest of 20 hits took {:?}", assert_hits(address).await);
    let mut served = 0;
    for request in requests {
        let response = timeout(LIMIT, request).await.expect("an answer").expect("the request doesn't panic");
        match response.starts_with("http/1.1 200") {
            true => served += 1,
            false => assert_overloaded(&response),
        }
    }
    assert_eq!((served, upstream.count()), (14, 2));
}

#[tokio::test]
async fn a_stale_entry_is_served_when_its_refresh_may_not_wait() {
    let upstream = stalling();
    let harness = harness(Flavour::Wasmtime, &upstream).build();
    let life = Duration::from_secs(240);
    let expires_at = DateTime::from_timestamp_millis(harness.clock.now_ms() as i64).expect("a time") + life;
    upstream.reply(Reply::status(200).json(&json!({"data": {
        "id": CACHED,
        "healthy": true,
        "dead": false,
        "credentials": {"oauth_access_token": "xoxp-1"},
        "expires_at": expires_at.to_rfc3339_opts(SecondsFormat::Secs, true),
    }})));
    let address = start(harness.listener().await.concurrency_limit(8));
    warm(address).await;
    let misses = send_misses(address, 7);
    until(|| upstream.count() == 8).await;
    // The entry is within its refresh window and valid for thirty more seconds.
    harness.clock.advance(life - Duration::from_secs(30));
    let response = timeout(LIMIT, get(address, &path(CACHED), TEST_API_KEY)).await.expect("an answer");
    assert!(response.starts_with("http/1.1 200"), "{response}");
    assert!(response.contains("cache-status: credwell; hit;"), "{response}");
    assert!(response.contains("detail=refresh-failed"), "{response}");
    assert_eq!(upstream.count(), 8);
    assert!(misses.iter().all(|miss| !miss.is_finished()));
}

#[tokio::test]
async fn a_request_keeps_its_permit_until_its_instance_has_ended() {
    let key_value = MemoryKeyValue::new();
    let upstream = upstream(Reply::stalling());
    let harness = harness(Flavour::Wasmtime, &upstream).key_value(key_value.clone());
    let harness = harness.config("credwell_broker_metrics_token", "m".repeat(32)).build();
    let address = start(harness.listener().await.concurrency_limit(1));
    warm(address).await;
    // The instance counts the request after its response.
    key_value.delay(Operation::Increment, LIMIT);
    let response = loop {
        let response = get(address, &path(CACHED), TEST_API_KEY).await;
        if !response.starts_with("http/1.1 503") {
            break response;
        }
    };
    assert!(response.starts_with("http/1.1 200"), "{response}");
    assert_overloaded(&get(address, &path(CACHED), TEST_API_KEY).await);
}
