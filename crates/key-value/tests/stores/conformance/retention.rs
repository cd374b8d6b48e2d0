//! Cases of the retention of entries.

use super::SHORT;
use crate::support::test_store::TestStore;
use std::time::Duration;

/// A time between half of the retention and all of it, with a margin on both sides for a busy machine.
const MORE_THAN_HALF: Duration = Duration::from_millis(2400);

/// How long an entry may exceed its retention: NATS removes expired entries periodically.
const LATE: Duration = Duration::from_secs(10);

pub(super) async fn an_entry_that_is_not_written_expires(test: &TestStore) {
    let store = &test.store;
    store.set("default", "set", b"value".to_vec()).await.expect("it is set");
    store.set_many("default", vec![("batch".to_owned(), Vec::new())]).await.expect("it is set");
    assert_eq!(store.increment("default", "counted", 7).await, Ok(7));
    assert_eq!(store.compare_and_swap("default", "swapped", None, b"value".to_vec()).await, Ok(true));

    test.advance(SHORT + Duration::from_secs(1)).await;
    let mut late = Duration::ZERO;
    while !store.list_keys("default", None).await.expect("keys").keys.is_empty() {
        assert!(late < LATE, "entries are still there");
        late += Duration::from_millis(100);
        test.advance(Duration::from_millis(100)).await;
    }
    for key in ["set", "batch", "counted", "swapped"] {
        assert_eq!(store.get("default", key).await, Ok(None), "{key}");
        assert_eq!(store.exists("default", key).await, Ok(false), "{key}");
    }
    assert_eq!(store.get_many("default", &["set".to_owned()]).await, Ok(vec![None]));
    assert_eq!(store.increment("default", "counted", 1).await, Ok(1));
    let swap = |expected| store.compare_and_swap("default", "swapped", expected, b"again".to_vec());
    assert_eq!(swap(Some(b"value")).await, Ok(false));
    assert_eq!(swap(None).await, Ok(true));
}

pub(super) async fn a_write_renews_an_entry(test: &TestStore) {
    let store = &test.store;
    store.set("default", "set", b"one".to_vec()).await.expect("it is set");
    store.set("default", "swapped", b"one".to_vec()).await.expect("it is set");
    assert_eq!(store.increment("default", "counted", 1).await, Ok(1));
    test.advance(MORE_THAN_HALF).await;

    store.set("default", "set", b"two".to_vec()).await.expect("it is set");
    assert_eq!(store.compare_and_swap("default", "swapped", Some(b"one"), b"two".to_vec()).await, Ok(true));
    assert_eq!(store.increment("default", "counted", 1).await, Ok(2));
    test.advance(MORE_THAN_HALF).await;

    assert_eq!(store.get("default", "set").await, Ok(Some(b"two".to_vec())));
    assert_eq!(store.get("default", "swapped").await, Ok(Some(b"two".to_vec())));
    assert_eq!(store.increment("default", "counted", 1).await, Ok(3));
}
