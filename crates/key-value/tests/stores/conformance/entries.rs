//! Cases of single entries.

use crate::support::test_store::{Backend, TestStore};
use credwell_key_value::{KeyValueError, MAXIMUM_VALUE};
use std::collections::BTreeSet;

pub(super) async fn a_value_stays_until_it_is_overwritten_or_deleted(test: &TestStore) {
    let store = &test.store;
    assert_eq!(store.open("default").await, Ok(()));
    assert_eq!(store.get("default", "key").await, Ok(None));
    assert_eq!(store.exists("default", "key").await, Ok(false));

    assert_eq!(store.set("default", "key", b"one".to_vec()).await, Ok(()));
    assert_eq!(store.get("default", "key").await, Ok(Some(b"one".to_vec())));
    assert_eq!(store.exists("default", "key").await, Ok(true));
    assert_eq!(store.set("default", "key", b"two".to_vec()).await, Ok(()));
    assert_eq!(store.get("default", "key").await, Ok(Some(b"two".to_vec())));

    assert_eq!(store.delete("default", "key").await, Ok(()));
    assert_eq!(store.get("default", "key").await, Ok(None));
    assert_eq!(store.exists("default", "key").await, Ok(false));
    assert_eq!(store.delete("default", "key").await, Ok(()));
    assert_eq!(store.set("default", "key", b"three".to_vec()).await, Ok(()));
    assert_eq!(store.get("default", "key").await, Ok(Some(b"three".to_vec())));
}

pub(super) async fn any_bytes_are_a_value(test: &TestStore) {
    let every_byte: Vec<u8> = (0..=255).collect();
    for value in [Vec::new(), every_byte, b"\r\n".to_vec(), vec![0; 100]] {
        assert_eq!(test.store.set("default", "key", value.clone()).await, Ok(()));
        assert_eq!(test.store.get("default", "key").await, Ok(Some(value)));
        assert_eq!(test.store.exists("default", "key").await, Ok(true));
    }
}

pub(super) async fn a_value_of_one_mebibyte_comes_back_whole(test: &TestStore) {
    let value: Vec<u8> = (0..1 << 20).map(|index: u32| (index % 251) as u8).collect();
    assert_eq!(test.store.set("default", "key", value.clone()).await, Ok(()));
    assert!(test.store.get("default", "key").await == Ok(Some(value)));
}

pub(super) async fn a_value_beyond_the_limit_is_refused(test: &TestStore) {
    let largest = test.store.set("default", "key", vec![1; MAXIMUM_VALUE]).await;
    if test.backend == Backend::Nats {
        // The server's own limit is lower.
        assert!(matches!(largest, Err(KeyValueError::Failed(text)) if text.contains("max_payload")));
    } else {
        assert_eq!(largest, Ok(()));
        let length = test.store.get("default", "key").await.map(|value| value.map(|value| value.len()));
        assert_eq!(length, Ok(Some(MAXIMUM_VALUE)));
    }
    assert_eq!(test.store.set("default", "key", b"small".to_vec()).await, Ok(()));
    let larger = || vec![2; MAXIMUM_VALUE + 1];
    let set = test.store.set("default", "key", larger()).await;
    assert!(matches!(set, Err(KeyValueError::Failed(text)) if text.contains("2097153")));
    let swapped = test.store.compare_and_swap("default", "key", Some(b"small"), larger()).await;
    assert!(matches!(swapped, Err(KeyValueError::Failed(text)) if text.contains("2097153")));
    assert_eq!(test.store.get("default", "key").await, Ok(Some(b"small".to_vec())));
}

pub(super) async fn buckets_are_apart(test: &TestStore) {
    let longest = "b".repeat(64);
    let buckets = ["", "default", "Default", "a", "a.b", "a_db", "a_b", "a-b", "_", ".", &longest];
    for bucket in buckets {
        assert_eq!(test.store.open(bucket).await, Ok(()), "{bucket}");
        assert_eq!(test.store.get(bucket, "b").await, Ok(None), "{bucket}");
        assert_eq!(test.store.set(bucket, "b", bucket.as_bytes().to_vec()).await, Ok(()), "{bucket}");
    }
    for bucket in buckets {
        assert_eq!(test.store.get(bucket, "b").await, Ok(Some(bucket.as_bytes().to_vec())), "{bucket}");
        let page = test.store.list_keys(bucket, None).await.expect("keys");
        assert_eq!(page.keys, ["b"], "{bucket}");
    }
    assert_eq!(test.store.delete("a", "b").await, Ok(()));
    assert_eq!(test.store.get("a.b", "b").await, Ok(Some(b"a.b".to_vec())));
}

pub(super) async fn a_bucket_with_a_malformed_name_is_refused(test: &TestStore) {
    let (store, none) = (&test.store, KeyValueError::NoSuchBucket);
    let one = || vec!["key".to_owned()];
    for bucket in ["a b", "a:b", "*", "ü", "a/b", &"b".repeat(65)] {
        assert_eq!(store.open(bucket).await, Err(none.clone()), "{bucket}");
        assert_eq!(store.get(bucket, "key").await, Err(none.clone()), "{bucket}");
        assert_eq!(store.set(bucket, "key", Vec::new()).await, Err(none.clone()), "{bucket}");
        assert_eq!(store.delete(bucket, "key").await, Err(none.clone()), "{bucket}");
        assert_eq!(store.exists(bucket, "key").await, Err(none.clone()), "{bucket}");
        assert_eq!(store.list_keys(bucket, None).await, Err(none.clone()), "{bucket}");
        assert_eq!(store.increment(bucket, "key", 1).await, Err(none.clone()), "{bucket}");
        let swapped = store.compare_and_swap(bucket, "key", None, Vec::new()).await;
        assert_eq!(swapped, Err(none.clone()), "{bucket}");
        assert_eq!(store.get_many(bucket, &one()).await, Err(none.clone()), "{bucket}");
        let entries = vec![("key".to_owned(), Vec::new())];
        assert_eq!(store.set_many(bucket, entries).await, Err(none.clone()), "{bucket}");
        assert_eq!(store.delete_many(bucket, &one()).await, Err(none.clone()), "{bucket}");
    }
}

/// Concurrent writers write the same key. Each value repeats one byte, so a mixed value would show a second
/// byte.
pub(super) async fn concurrent_writers_leave_whole_values(test: &TestStore) {
    let value = |writer: u8, round: usize| vec![writer; 1000 * (1 + usize::from(writer)) + round];
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..16 {
        let store = test.store.clone();
        tasks.spawn(async move {
            for round in 0..20 {
                store.set("default", "shared", value(writer, round)).await.expect("it is set");
                let own = format!("own {writer}");
                store.set("default", &own, value(writer, round)).await.expect("it is set");
                assert_eq!(store.get("default", &own).await, Ok(Some(value(writer, round))));
                let shared = store.get("default", "shared").await.expect("an answer").expect("a value");
                let bytes: BTreeSet<u8> = shared.iter().copied().collect();
                assert_eq!(bytes.len(), 1, "of {} bytes", shared.len());
                assert_eq!(shared.len() / 1000, 1 + usize::from(shared[0]));
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.expect("the writer sees what it has written");
    }
}
