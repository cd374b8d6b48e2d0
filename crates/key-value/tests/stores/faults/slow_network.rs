//! Tests of a server behind a slow or silent network.

use crate::support::proxy::{Network, Proxy};
use crate::support::servers::{Kind, Server};
use crate::support::test_store::JETSTREAM;
use credwell_key_value::{CALL_LIMIT, KeyValue, KeyValueError, OpenError, StoreUrl, open};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// The longest time of a call in these tests: twice the limit, to allow for a busy machine.
const BOUND: Duration = CALL_LIMIT.saturating_mul(2);

/// How long the store may take to recover.
const RECOVERY: Duration = Duration::from_secs(30);

/// Makes all kinds of calls at once, some of them many times. Returns the result and the duration of each.
async fn every_call(store: &Arc<dyn KeyValue>) -> Vec<(Result<(), KeyValueError>, Duration)> {
    let mut calls = JoinSet::new();
    macro_rules! call {
        (|$store:ident| $call:expr) => {
            let $store = store.clone();
            calls.spawn(async move {
                let start = Instant::now();
                let outcome: Result<_, KeyValueError> = $call.await;
                (outcome.map(drop), start.elapsed())
            });
        };
    }
    let keys = || (0..100).map(|number| number.to_string()).collect::<Vec<_>>();
    for _ in 0..20 {
        call!(|store| store.get("default", "key"));
        call!(|store| store.set("default", "key", vec![7; 100_000]));
        call!(|store| store.increment("default", "counter", 1));
    }
    call!(|store| store.delete("default", "key"));
    call!(|store| store.exists("default", "key"));
    call!(|store| store.list_keys("default", None));
    call!(|store| store.compare_and_swap("default", "key", None, Vec::new()));
    call!(|store| store.get_many("default", &keys()));
    call!(|store| store.set_many("default", keys().into_iter().map(|key| (key, vec![7; 1000])).collect()));
    call!(|store| store.delete_many("default", &keys()));
    calls.join_all().await
}

/// A proxy to the server, and the store's URL through it.
async fn proxy_to(server: &Server) -> (Proxy, StoreUrl) {
    let proxy = Proxy::to(server.port()).await;
    let url = server.url().replace(&server.port().to_string(), &proxy.port().to_string());
    (proxy, url.parse().expect("a store's URL"))
}

/// How long it takes until a write succeeds.
async fn recovery(kind: Kind, store: &Arc<dyn KeyValue>) -> Duration {
    let start = Instant::now();
    while let Err(error) = store.set("default", "key", b"value".to_vec()).await {
        assert!(start.elapsed() < RECOVERY, "{kind:?}: it doesn't recover: {error}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    start.elapsed()
}

async fn calls_end_in_time(kind: Kind, settings: &str, network: Network) {
    let Some(server) = Server::start(kind, settings) else { return };
    let (proxy, url) = proxy_to(&server).await;
    let store = open(&url).await.expect("the store opens");
    for (outcome, _) in every_call(&store).await {
        assert_eq!(outcome, Ok(()));
    }

    proxy.set(network);
    let mut slowest = Duration::ZERO;
    for _ in 0..2 {
        for (outcome, took) in every_call(&store).await {
            assert!(matches!(outcome, Err(KeyValueError::Failed(_))), "{kind:?}: {outcome:?}");
            assert!(took < BOUND, "{kind:?}: a call took {took:?}");
            slowest = slowest.max(took);
        }
    }
    let start = Instant::now();
    let refused = open(&url).await.err();
    assert!(matches!(refused, Some(OpenError::Unreachable { .. })), "{kind:?}: {refused:?}");
    assert!(start.elapsed() < BOUND, "{kind:?}: opening took {:?}", start.elapsed());

    proxy.set(Network::Fine);
    let recovered = recovery(kind, &store).await;
    println!(
        "{kind:?}, {network:?}: each call failed within {slowest:?}, and the first worked {recovered:?} after"
    );
    // A failed write must not take effect after the successful one.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(store.get("default", "key").await == Ok(Some(b"value".to_vec())), "{kind:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_to_a_silent_redis_end_in_time() {
    calls_end_in_time(Kind::Redis, "", Network::Silent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_to_a_silent_nats_end_in_time() {
    calls_end_in_time(Kind::Nats, JETSTREAM, Network::Silent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_to_a_slow_redis_end_in_time() {
    calls_end_in_time(Kind::Redis, "", Network::Slow(Duration::from_secs(3))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_to_a_slow_nats_end_in_time() {
    calls_end_in_time(Kind::Nats, JETSTREAM, Network::Slow(Duration::from_secs(3))).await;
}

/// The server's machine has moved or lost its power, so the connection was never closed.
async fn a_dead_connection_is_replaced(kind: Kind, settings: &str) {
    let Some(server) = Server::start(kind, settings) else { return };
    let (proxy, url) = proxy_to(&server).await;
    let store = open(&url).await.expect("the store opens");
    store.set("default", "key", b"before".to_vec()).await.expect("it is set");
    proxy.strand();
    let recovered = recovery(kind, &store).await;
    println!("{kind:?}: a dead connection was replaced within {recovered:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_connection_to_redis_is_replaced() {
    a_dead_connection_is_replaced(Kind::Redis, "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_connection_to_nats_is_replaced() {
    a_dead_connection_is_replaced(Kind::Nats, JETSTREAM).await;
}
