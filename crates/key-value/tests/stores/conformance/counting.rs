//! Cases of `increment`.

use crate::support::test_store::TestStore;
use credwell_key_value::KeyValueError;

pub(super) async fn a_number_is_counted_up_and_down(test: &TestStore) {
    let store = &test.store;
    assert_eq!(store.increment("default", "n", 1).await, Ok(1));
    assert_eq!(store.increment("default", "n", 41).await, Ok(42));
    assert_eq!(store.get("default", "n").await, Ok(Some(b"42".to_vec())));
    assert_eq!(store.increment("default", "n", -50).await, Ok(-8));
    assert_eq!(store.increment("default", "n", 0).await, Ok(-8));
    assert_eq!(store.get("default", "n").await, Ok(Some(b"-8".to_vec())));
    assert_eq!(store.set("default", "n", b"100".to_vec()).await, Ok(()));
    assert_eq!(store.increment("default", "n", 1).await, Ok(101));
    assert_eq!(store.delete("default", "n").await, Ok(()));
    assert_eq!(store.increment("default", "n", 5).await, Ok(5));
    assert_eq!(store.increment("other", "n", 1).await, Ok(1));
    // A double-precision number can't represent this sum.
    assert_eq!(store.increment("default", "large", (1 << 53) + 1).await, Ok((1 << 53) + 1));
}

/// 50 tasks increment 20 times each: every sum up to 1000 is returned exactly once.
pub(super) async fn concurrent_increments_are_all_counted(test: &TestStore) {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let store = test.store.clone();
        tasks.spawn(async move {
            let mut sums = Vec::new();
            for _ in 0..20 {
                sums.push(store.increment("default", "n", 1).await.expect("it is counted"));
            }
            sums
        });
    }
    let mut sums: Vec<i64> = tasks.join_all().await.into_iter().flatten().collect();
    sums.sort_unstable();
    assert_eq!(sums, (1..=1000).collect::<Vec<_>>());
    assert_eq!(test.store.get("default", "n").await, Ok(Some(b"1000".to_vec())));
}

pub(super) async fn a_value_that_is_no_number_is_not_changed(test: &TestStore) {
    for value in ["", "x", " 1", "1 ", "+1", "01", "1.5", "9223372036854775808", "\0"] {
        test.store.set("default", "key", value.into()).await.expect("it is set");
        let counted = test.store.increment("default", "key", 1).await;
        assert!(matches!(counted, Err(KeyValueError::Failed(_))), "{value:?}: {counted:?}");
        assert_eq!(test.store.get("default", "key").await, Ok(Some(value.into())), "{value:?}");
    }
}

pub(super) async fn a_sum_of_more_than_64_bits_is_refused(test: &TestStore) {
    for (number, delta) in [(i64::MAX, 1), (i64::MIN, -1), (i64::MAX, i64::MAX)] {
        let text = number.to_string().into_bytes();
        test.store.set("default", "key", text.clone()).await.expect("it is set");
        let counted = test.store.increment("default", "key", delta).await;
        assert!(matches!(counted, Err(KeyValueError::Failed(_))), "{number} + {delta}: {counted:?}");
        assert_eq!(test.store.get("default", "key").await, Ok(Some(text)));
    }
    assert_eq!(test.store.increment("default", "key", i64::MIN).await, Ok(-1));
}
