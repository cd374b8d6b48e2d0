//! Cases of `get_many`, `set_many` and `delete_many`.

use crate::support::test_store::TestStore;

pub(super) async fn many_are_read_written_and_removed(test: &TestStore) {
    let store = &test.store;
    let keys = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let value = |text: &str| Some(text.as_bytes().to_vec());
    let entries = ["a", "b", "c", "b"].into_iter().enumerate();
    let entries = entries.map(|(number, key)| (key.to_owned(), number.to_string().into_bytes())).collect();
    assert_eq!(store.set_many("default", entries).await, Ok(()));
    let read = store.get_many("default", &keys(&["c", "missing", "b", "a", "c"])).await;
    // Of two values for one key, the later one stays.
    assert_eq!(read, Ok(vec![value("2"), None, value("3"), value("0"), value("2")]));

    assert_eq!(store.delete_many("default", &keys(&["a", "missing", "c", "a"])).await, Ok(()));
    assert_eq!(store.get_many("default", &keys(&["a", "b", "c"])).await, Ok(vec![None, value("3"), None]));
}

pub(super) async fn an_empty_batch_succeeds(test: &TestStore) {
    assert_eq!(test.store.get_many("default", &[]).await, Ok(Vec::new()));
    assert_eq!(test.store.set_many("default", Vec::new()).await, Ok(()));
    assert_eq!(test.store.delete_many("default", &[]).await, Ok(()));
}
