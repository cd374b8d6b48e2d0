//! Tests of the store.

use super::*;

#[tokio::test]
async fn a_failure_leaves_other_operations_alone_and_ends_with_the_recovery() {
    let store = MemoryKeyValue::new();
    store.put(DEFAULT_BUCKET, "key", b"before");
    store.fail(Operation::Set, KeyValueError::AccessDenied);

    let refused = store.set(DEFAULT_BUCKET, "key", b"lost".to_vec()).await;
    assert_eq!(refused, Err(KeyValueError::AccessDenied));
    let read = store.get(DEFAULT_BUCKET, "key").await;
    assert_eq!(read, Ok(Some(b"before".to_vec())));
    store.recover();
    let written = store.set(DEFAULT_BUCKET, "key", b"after".to_vec()).await;
    assert_eq!(written, Ok(()));
    assert_eq!(store.entries(), [(DEFAULT_BUCKET.into(), "key".into(), b"after".to_vec())]);
    assert_eq!(store.count(Operation::Set), 2);
}

#[tokio::test]
async fn only_known_buckets_open() {
    let store = MemoryKeyValue::new();
    assert!(store.open(DEFAULT_BUCKET).await.is_ok());
    assert_eq!(store.open("other").await.err(), Some(KeyValueError::NoSuchBucket));
    store.add_bucket("other");
    assert!(store.open("other").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_delayed_write_has_its_effect_at_the_end() {
    let store = MemoryKeyValue::new();
    store.delay(Operation::Set, Duration::from_secs(5));
    let writer = store.clone();
    let write = tokio::spawn(async move { writer.set(DEFAULT_BUCKET, "key", b"value".to_vec()).await });

    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(store.entries().is_empty());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(store.entries().len(), 1);
    assert_eq!(write.await.expect("the writer didn't panic"), Ok(()));
}
