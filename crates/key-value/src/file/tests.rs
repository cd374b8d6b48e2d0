//! Tests of the caches in front of the file, under concurrent calls.

use super::*;
use crate::clock::Clock;
use crate::number;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// The writes of a race.
const WRITES: i64 = 300;

/// The readers of a race.
const READERS: usize = 6;

async fn file() -> (TempDir, Arc<File>) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = open(&folder, Clock::system()).await;
    (folder, Arc::new(file))
}

async fn open(folder: &TempDir, clock: Clock) -> File {
    let lifetimes = Lifetimes::new(clock, Duration::from_secs(100));
    File::open(folder.path().join("store.redb"), lifetimes, READ_CACHE).await.expect("the file opens")
}

fn text(number: i64) -> Vec<u8> {
    number.to_string().into_bytes()
}

fn number_in(value: Option<&[u8]>) -> i64 {
    number::add(value, 0).expect("a number")
}

/// The result of a call that waits for nothing.
fn at_once<T>(call: impl Future<Output = T>) -> Option<T> {
    match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}

#[tokio::test]
async fn an_entry_that_was_read_is_read_again_without_waiting() {
    let (_folder, file) = file().await;
    file.set("b", "key", b"value".to_vec()).await.expect("it is set");
    assert_eq!(file.get("b", "key").await, Ok(Some(b"value".to_vec())));
    // Nobody gets a thread for a read of the file.
    file.readers.close();
    let keys = ["key".to_owned(), "key".to_owned()];
    assert_eq!(at_once(file.get("b", "key")), Some(Ok(Some(b"value".to_vec()))));
    assert_eq!(at_once(file.exists("b", "key")), Some(Ok(true)));
    assert_eq!(at_once(file.get_many("b", &keys)), Some(Ok(vec![Some(b"value".to_vec()); 2])));
}

#[tokio::test]
async fn an_entry_in_the_cache_expires() {
    let folder = tempfile::tempdir().expect("a folder");
    let (start, offset) = (SystemTime::now(), Arc::new(AtomicU64::new(0)));
    let seconds = offset.clone();
    let clock = Clock::from_fn(move || start + Duration::from_secs(seconds.load(Ordering::Relaxed)));
    let file = open(&folder, clock).await;
    file.set("b", "key", b"value".to_vec()).await.expect("it is set");
    file.increment("b", "n", 5).await.expect("it is counted");
    assert_eq!(file.get("b", "key").await, Ok(Some(b"value".to_vec())));
    offset.store(102, Ordering::Relaxed);
    let keys = ["key".to_owned(), "n".to_owned()];
    assert_eq!(file.get("b", "key").await, Ok(None));
    assert_eq!(file.exists("b", "n").await, Ok(false));
    assert_eq!(file.get_many("b", &keys).await, Ok(vec![None, None]));
    assert_eq!(file.increment("b", "n", 1).await, Ok(1));
}

#[tokio::test]
async fn a_number_is_counted_without_waiting_and_reaches_the_file() {
    let (folder, file) = file().await;
    assert_eq!(file.increment("b", "n", 1).await, Ok(1));
    for sum in 2..=1000 {
        assert_eq!(at_once(file.increment("b", "n", 1)), Some(Ok(sum)));
    }
    assert_eq!(at_once(file.increment("b", "n", i64::MAX)), Some(Err(number::sum_error())));
    assert_eq!(at_once(file.get("b", "n")), Some(Ok(Some(text(1000)))));
    assert_eq!(file.list_keys("b", None).await.map(|page| page.keys), Ok(vec!["n".to_owned()]));
    drop(Arc::into_inner(file));
    let file = open(&folder, Clock::system()).await;
    assert_eq!(file.get("b", "n").await, Ok(Some(text(1000))));
}

/// Counts reach a number up to the moment at which a write looks at it, and after this wait for the write.
#[tokio::test]
async fn a_write_sees_the_counts_that_came_after_its_transaction_began() {
    let (_folder, file) = file().await;
    let place = EntryKey { bucket: "b", key: "n" };
    assert_eq!(file.increment("b", "n", 1).await, Ok(1));
    let database = file.database.clone();
    let work = move |entries: &mut Entries<'_>| {
        let counted = database.count(place, 1);
        let seen = entries.get(&place.stored())?;
        Ok(Ok((counted, seen, database.count(place, 1), database.known(place, <[u8]>::to_vec))))
    };
    let expected = (Some(Ok(2)), Some(text(2)), None, Some(Some(text(2))));
    assert_eq!(file.write(SyncMode::Immediate, 0, work).await, Ok(expected));
    assert_eq!(file.increment("b", "n", 1).await, Ok(3));
}

#[tokio::test]
async fn other_writes_to_a_number_see_all_counts() {
    let (_folder, file) = file().await;
    let count = async || {
        file.increment("b", "n", 1).await.expect("it is counted");
        file.increment("b", "n", 1).await.expect("it is counted")
    };
    assert_eq!(count().await, 2);
    assert_eq!(file.compare_and_swap("b", "n", Some(b"1"), text(7)).await, Ok(false));
    assert_eq!(file.compare_and_swap("b", "n", Some(b"2"), text(7)).await, Ok(true));
    assert_eq!(file.get("b", "n").await, Ok(Some(text(7))));
    assert_eq!(count().await, 9);
    file.set("b", "n", text(20)).await.expect("it is set");
    assert_eq!(count().await, 22);
    file.delete("b", "n").await.expect("it is deleted");
    assert_eq!(file.get("b", "n").await, Ok(None));
    assert_eq!(count().await, 2);
    file.set("b", "n", b"none".to_vec()).await.expect("it is set");
    assert_eq!(file.increment("b", "n", 1).await, Err(number::sum_error()));
}

/// Readers note the highest number that anyone has seen or written. No later read may find a lower one.
async fn race(write: impl AsyncFn(&File, i64)) {
    let (_folder, file) = file().await;
    write(&file, 1).await;
    let (seen, done) = (Arc::new(AtomicI64::new(1)), Arc::new(AtomicI64::new(0)));
    let mut readers = tokio::task::JoinSet::new();
    for reader in 0..READERS {
        let (file, seen, done) = (file.clone(), seen.clone(), done.clone());
        readers.spawn(async move {
            while done.load(Ordering::SeqCst) == 0 {
                let before = seen.load(Ordering::SeqCst);
                let value = if reader % 2 == 0 {
                    file.get("b", "n").await.expect("an answer")
                } else {
                    file.get_many("b", &["n".to_owned()]).await.expect("an answer").remove(0)
                };
                let found = number_in(value.as_deref());
                assert!(found >= before, "{found} after {before}");
                seen.fetch_max(found, Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
        });
    }
    for number in 2..=WRITES {
        write(&file, number).await;
        seen.fetch_max(number, Ordering::SeqCst);
    }
    done.store(1, Ordering::SeqCst);
    while let Some(reader) = readers.join_next().await {
        reader.expect("no read went back");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_read_finds_an_older_value_than_the_one_before() {
    race(async |file, number| file.set("b", "n", text(number)).await.expect("it is set")).await;
}

/// Every third write is a swap: it takes the number out of memory, and the next count puts it back.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_read_finds_a_lower_count_than_the_one_before() {
    race(async |file, number| {
        if number % 3 == 0 {
            let swapped = file.compare_and_swap("b", "n", Some(&text(number - 1)), text(number)).await;
            assert_eq!(swapped, Ok(true));
        } else {
            assert_eq!(file.increment("b", "n", 1).await, Ok(number));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_counts_and_swaps_are_all_kept() {
    let (_folder, file) = file().await;
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..4 {
        let file = file.clone();
        tasks.spawn(async move {
            for _ in 0..100 {
                if task > 0 {
                    file.increment("b", "n", 1).await.expect("it is counted");
                    tokio::task::yield_now().await;
                    continue;
                }
                loop {
                    let seen = file.get("b", "n").await.expect("an answer");
                    let sum = text(number_in(seen.as_deref()) + 1);
                    if file.compare_and_swap("b", "n", seen.as_deref(), sum).await.expect("an answer") {
                        break;
                    }
                }
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.expect("it does not panic");
    }
    assert_eq!(file.get("b", "n").await, Ok(Some(text(400))));
}
