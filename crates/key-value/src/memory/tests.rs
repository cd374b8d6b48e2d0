use super::*;
use crate::clock::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

fn lifetimes(seconds: &Arc<AtomicU64>) -> Lifetimes {
    let seconds = seconds.clone();
    let clock = Clock::from_fn(move || UNIX_EPOCH + Duration::from_secs(seconds.load(Ordering::Relaxed)));
    Lifetimes::new(clock, Duration::from_secs(100))
}

#[tokio::test]
async fn beyond_the_limit_the_entries_that_expire_first_are_removed() {
    let seconds = Arc::new(AtomicU64::new(1000));
    let memory = Memory::with_limit(lifetimes(&seconds), 10_000);
    for number in 0..10 {
        seconds.fetch_add(1, Ordering::Relaxed);
        memory.set("b", &number.to_string(), vec![0; 1000]).await.expect("it is set");
    }
    seconds.fetch_add(1, Ordering::Relaxed);
    memory.increment("b", "counter", 1).await.expect("it is counted");
    let page = memory.list_keys("b", None).await.expect("keys");
    assert_eq!(page.keys, ["3", "4", "5", "6", "7", "8", "9", "counter"]);
    assert!(memory.lock().0.bytes() <= 10_000);

    memory.set("b", "large", vec![0; 9000]).await.expect("it is set");
    assert!(memory.exists("b", "large").await.expect("an answer"));
    assert!(memory.lock().0.bytes() <= 10_000);
}

#[tokio::test]
async fn expired_entries_are_removed_over_several_calls() {
    let seconds = Arc::new(AtomicU64::new(1000));
    let memory = Memory::new(lifetimes(&seconds));
    for number in 0..SWEEP + 1 {
        memory.set("b", &number.to_string(), b"value".to_vec()).await.expect("it is set");
    }
    seconds.store(1101, Ordering::Relaxed);
    assert!(memory.list_keys("b", None).await.expect("keys").keys.is_empty());
    assert_eq!(memory.entries.len(), 1);
    assert_eq!(memory.get("b", "0").await, Ok(None));
    assert_eq!(memory.entries.len(), 0);
    assert!(memory.order.lock().expect("no panic").is_empty());
}

/// Runs a call on a thread of its own, and fails if the call waits for a lock that this thread holds.
fn without_waiting<T: Send + 'static>(call: impl Future<Output = T> + Send + 'static) -> T {
    let (sender, result) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        _ = sender.send(runtime.block_on(call));
    });
    result.recv_timeout(Duration::from_secs(30)).expect("the call does not wait")
}

#[tokio::test]
async fn reads_and_repeated_counts_take_no_lock_that_all_calls_share() {
    let seconds = Arc::new(AtomicU64::new(1000));
    let memory = Arc::new(Memory::new(lifetimes(&seconds)));
    memory.set("b", "key", b"value".to_vec()).await.expect("it is set");
    memory.increment("b", "count", 1).await.expect("it is counted");
    let order = memory.order.lock().expect("no panic");
    let (reader, counter) = (Arc::clone(&memory), Arc::clone(&memory));
    let read = async move { (reader.get("b", "key").await, reader.exists("b", "none").await) };
    assert_eq!(without_waiting(read), (Ok(Some(b"value".to_vec())), Ok(false)));
    assert_eq!(without_waiting(async move { counter.increment("b", "count", 2).await }), Ok(3));
    // An expired entry waits for its removal, and is not found.
    seconds.store(1101, Ordering::Relaxed);
    let reader = Arc::clone(&memory);
    assert_eq!(without_waiting(async move { reader.get("b", "key").await }), Ok(None));
    assert_eq!(memory.entries.len(), 2);
    drop(order);
    assert_eq!(memory.get("b", "key").await, Ok(None));
    assert_eq!(memory.entries.len(), 0);
}

/// Counts on both paths, and swaps, while the clock moves entries in the order of expiry.
#[test]
fn concurrent_counts_and_swaps_are_all_kept() {
    const ROUNDS: i64 = 2000;
    let seconds = Arc::new(AtomicU64::new(1000));
    let memory = Arc::new(Memory::new(lifetimes(&seconds)));
    let runtime = || tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (memory, seconds) = (Arc::clone(&memory), Arc::clone(&seconds));
            scope.spawn(move || {
                runtime().block_on(async move {
                    for round in 0..ROUNDS {
                        if thread > 0 {
                            memory.increment("b", "n", 1).await.expect("it is counted");
                            continue;
                        }
                        if round % 50 == 0 {
                            seconds.fetch_add(1, Ordering::Relaxed);
                        }
                        while !add_by_swapping(&memory, 1).await {}
                    }
                });
            });
        }
    });
    assert_eq!(runtime().block_on(memory.increment("b", "n", 0)), Ok(4 * ROUNDS));
}

async fn add_by_swapping(memory: &Memory, delta: i64) -> bool {
    let seen = memory.get("b", "n").await.expect("an answer");
    let sum = number::add(seen.as_deref(), delta).expect("a number").to_string();
    memory.compare_and_swap("b", "n", seen.as_deref(), sum.into_bytes()).await.expect("an answer")
}
