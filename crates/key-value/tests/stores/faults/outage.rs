//! Tests of outages: a server is killed, with or without load, and restarts.

use crate::support::servers::{Kind, Server};
use crate::support::test_store::JETSTREAM;
use credwell_key_value::{CALL_LIMIT, KeyValue, KeyValueError, StoreUrl, open};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// The number of concurrent writers.
const WRITERS: usize = 8;

/// The longest time of a call in these tests: twice the limit, to allow for a busy machine.
const BOUND: Duration = CALL_LIMIT.saturating_mul(2);

/// How long the store may take to recover.
const RECOVERY: Duration = Duration::from_secs(20);

/// The record of one call.
struct Call {
    began: Instant,
    took: Duration,
    outcome: Result<(), KeyValueError>,
    number: usize,
}

/// Writes increasing numbers under one key until `stop` is set. Returns the key and the record of each call.
async fn write(store: Arc<dyn KeyValue>, key: String, stop: Arc<AtomicBool>) -> (String, Vec<Call>) {
    let mut calls: Vec<Call> = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let (began, number) = (Instant::now(), calls.len());
        let outcome = store.set("default", &key, number.to_string().into_bytes()).await;
        if outcome.is_err() {
            // Calls fail at once during the outage. Without a pause, their records would fill the memory.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        calls.push(Call { began, took: began.elapsed(), outcome, number });
    }
    (key, calls)
}

async fn until(limit: Duration, condition: impl AsyncFn() -> bool) -> bool {
    let start = Instant::now();
    while !condition().await {
        if start.elapsed() > limit {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    true
}

/// Kills a server under load and restarts it. Checks the errors of the writers, and the values at the end.
async fn kill_under_load(kind: Kind, settings: &str) {
    let Some(mut server) = Server::start(kind, settings) else { return };
    let url: StoreUrl = server.url().parse().expect("a store's URL");
    let store = open(&url).await.expect("the store opens");
    let (stop, mut writers) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
    for writer in 0..WRITERS {
        writers.spawn(write(store.clone(), format!("key {writer}"), stop.clone()));
    }
    let counts = async || {
        store.get("default", "key 0").await.is_ok_and(|value| value.is_some_and(|value| value.len() > 2))
    };
    assert!(until(RECOVERY, counts).await, "there is a load");

    server.kill();
    let killed = Instant::now();
    assert!(until(BOUND, async || store.get("default", "key 0").await.is_err()).await, "calls fail");
    // About the time of a failover to another machine.
    tokio::time::sleep(Duration::from_secs(3)).await;
    server.restart();
    let back = Instant::now();
    let works = async || store.get("default", "key 0").await.is_ok();
    assert!(until(RECOVERY, works).await, "{kind:?} is found again");
    // Long enough for each writer to write again.
    tokio::time::sleep(Duration::from_secs(1)).await;
    stop.store(true, Ordering::Relaxed);

    let (mut failed, mut slowest, mut latest) = (0, Duration::ZERO, Duration::ZERO);
    for (key, calls) in writers.join_all().await {
        for call in &calls {
            assert!(call.took < BOUND, "{kind:?}: a call took {:?}", call.took);
            assert!(!matches!(&call.outcome, Err(error) if !matches!(error, KeyValueError::Failed(_))));
            failed += usize::from(call.outcome.is_err());
            if call.outcome.is_err() {
                slowest = slowest.max(call.took);
            }
        }
        let first = calls.iter().find(|call| call.began > back && call.outcome.is_ok());
        let first = first.unwrap_or_else(|| panic!("{kind:?}: {key} is never written again"));
        latest = latest.max((first.began + first.took).duration_since(back));
        let last = calls.iter().rev().find(|call| call.outcome.is_ok()).map(|call| call.number);
        let found = store.get("default", &key).await.expect("an answer");
        let found = found.map(|found| String::from_utf8_lossy(&found).parse::<usize>().expect("a number"));
        assert!(found >= last, "{kind:?}: {key} has {found:?} after {last:?}");
    }
    let down = back.duration_since(killed);
    println!("{kind:?} was down for {down:?}: {failed} calls failed, each within {slowest:?}");
    println!("{kind:?}: all {WRITERS} wrote again within {latest:?}");
    assert!(failed > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_killed_under_load_and_comes_back() {
    kill_under_load(Kind::Redis, "appendonly yes\nappendfsync always").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_is_killed_under_load_and_comes_back() {
    kill_under_load(Kind::Nats, JETSTREAM).await;
}

/// The server restarts while there are no calls, so the client may not have noticed the outage.
async fn an_unnoticed_outage(kind: Kind, settings: &str) {
    let Some(mut server) = Server::start(kind, settings) else { return };
    let store = open(&server.url().parse().expect("a store's URL")).await.expect("the store opens");
    store.set("default", "key", b"value".to_vec()).await.expect("it is set");
    server.kill();
    // Long enough for the client's first attempts to reconnect to fail.
    tokio::time::sleep(Duration::from_secs(1)).await;
    server.restart();
    let answer = async || store.get("default", "key").await == Ok(Some(b"value".to_vec()));
    match kind {
        // The first call reconnects.
        Kind::Redis => assert!(answer().await),
        Kind::Nats => assert!(until(RECOVERY, answer).await),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_restarts_while_there_are_no_calls() {
    an_unnoticed_outage(Kind::Redis, "appendonly yes\nappendfsync always").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_restarts_while_there_are_no_calls() {
    an_unnoticed_outage(Kind::Nats, JETSTREAM).await;
}

/// The server restarts without its data.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_nats_has_lost_is_created_again() {
    let Some(mut server) = Server::start(Kind::Nats, JETSTREAM) else { return };
    let store = open(&server.url().parse().expect("a store's URL")).await.expect("the store opens");
    store.set("default", "key", b"value".to_vec()).await.expect("it is set");
    server.kill();
    std::fs::remove_dir_all(server.folder().join("jetstream")).expect("it has kept something");
    server.restart();
    let set = async || store.set("default", "key", b"again".to_vec()).await.is_ok();
    assert!(until(RECOVERY, set).await);
    assert_eq!(store.get("default", "key").await, Ok(Some(b"again".to_vec())));
}
