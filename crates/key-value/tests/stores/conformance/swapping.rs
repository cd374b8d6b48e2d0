//! Cases of `compare_and_swap`.

use crate::support::test_store::TestStore;

pub(super) async fn a_value_is_swapped_if_it_is_the_expected_one(test: &TestStore) {
    let swap = async |expected: Option<&[u8]>, value: &[u8]| {
        test.store.compare_and_swap("default", "key", expected, value.to_vec()).await
    };
    let get = || test.store.get("default", "key");
    assert_eq!(swap(Some(b""), b"no").await, Ok(false));
    assert_eq!(swap(Some(b"one"), b"no").await, Ok(false));
    assert_eq!(get().await, Ok(None));
    assert_eq!(swap(None, b"one").await, Ok(true));
    assert_eq!(get().await, Ok(Some(b"one".to_vec())));
    assert_eq!(swap(None, b"no").await, Ok(false));
    assert_eq!(swap(Some(b"two"), b"no").await, Ok(false));
    assert_eq!(get().await, Ok(Some(b"one".to_vec())));
    assert_eq!(swap(Some(b"one"), b"\0\xff").await, Ok(true));
    assert_eq!(swap(Some(b"\0\xff"), b"").await, Ok(true));
    assert_eq!(get().await, Ok(Some(Vec::new())));
    assert_eq!(swap(None, b"no").await, Ok(false));
    assert_eq!(swap(Some(b""), b"").await, Ok(true));
    // After a removal the expected value is none.
    test.store.delete("default", "key").await.expect("it is deleted");
    assert_eq!(swap(Some(b""), b"no").await, Ok(false));
    assert_eq!(swap(None, b"again").await, Ok(true));
    assert_eq!(get().await, Ok(Some(b"again".to_vec())));
}

/// Of 20 concurrent swaps with the same expected value, exactly one succeeds, and its value is stored. Ten
/// rounds, the first of which expects no value.
pub(super) async fn one_of_many_swaps(test: &TestStore) {
    let mut before: Option<Vec<u8>> = None;
    for round in 0..10 {
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..20 {
            let (store, before) = (test.store.clone(), before.clone());
            tasks.spawn(async move {
                let value = format!("{round} {task}").into_bytes();
                let swapped =
                    store.compare_and_swap("default", "key", before.as_deref(), value.clone()).await;
                swapped.expect("an answer").then_some(value)
            });
        }
        let winners: Vec<Vec<u8>> = tasks.join_all().await.into_iter().flatten().collect();
        assert_eq!(winners.len(), 1, "round {round}");
        before = winners.into_iter().next();
        assert_eq!(test.store.get("default", "key").await, Ok(before.clone()));
    }
}
