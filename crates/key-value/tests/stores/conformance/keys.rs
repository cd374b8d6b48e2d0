//! Cases of the allowed keys, and of their listing.

use crate::support::test_store::TestStore;
use credwell_key_value::{KeyValueError, MAXIMUM_KEY};
use std::collections::BTreeSet;

pub(super) async fn any_text_is_a_key(test: &TestStore) {
    let (long, longest) = ("x".repeat(256), "ü".repeat(MAXIMUM_KEY / 2));
    let keys = [
        "",
        " ",
        "a b",
        "*",
        "a*",
        "a?[b]",
        ":",
        "a:b:c",
        "ü☃ключ",
        ">",
        "$KV.x",
        ".",
        "..",
        "a.b",
        ".a.",
        "=",
        "=41",
        "A",
        "/",
        "//a",
        "\\",
        "\"",
        "\0",
        "a\0b",
        "\r\n",
        "\u{fffd}",
        "{a}b",
        "%41",
        &long,
        &longest,
    ];
    for (number, key) in keys.iter().enumerate() {
        assert_eq!(test.store.get("default", key).await, Ok(None), "{key:?}");
        assert_eq!(test.store.set("default", key, number.to_string().into()).await, Ok(()), "{key:?}");
    }
    for (number, key) in keys.iter().enumerate() {
        let value = number.to_string().into_bytes();
        assert_eq!(test.store.get("default", key).await, Ok(Some(value.clone())), "{key:?}");
        assert_eq!(test.store.exists("default", key).await, Ok(true), "{key:?}");
        let swapped = test.store.compare_and_swap("default", key, Some(&value), b"7".to_vec()).await;
        assert_eq!(swapped, Ok(true), "{key:?}");
        assert_eq!(test.store.increment("default", key, 1).await, Ok(8), "{key:?}");
    }
    let listed: BTreeSet<String> = all_keys(test, "default").await.into_iter().collect();
    assert_eq!(listed, keys.iter().map(ToString::to_string).collect());
    for key in keys {
        assert_eq!(test.store.delete("default", key).await, Ok(()), "{key:?}");
        assert_eq!(test.store.exists("default", key).await, Ok(false), "{key:?}");
    }
}

pub(super) async fn a_key_beyond_the_limit_is_refused(test: &TestStore) {
    let key = "k".repeat(MAXIMUM_KEY + 1);
    let refused = |text: &str| text.contains("1025");
    let set = test.store.set("default", &key, Vec::new()).await;
    assert!(matches!(set, Err(KeyValueError::Failed(text)) if refused(&text)));
    let get = test.store.get("default", &key).await;
    assert!(matches!(get, Err(KeyValueError::Failed(text)) if refused(&text)));
    let increment = test.store.increment("default", &key, 1).await;
    assert!(matches!(increment, Err(KeyValueError::Failed(text)) if refused(&text)));
}

pub(super) async fn all_keys_of_a_bucket_are_listed_page_by_page(test: &TestStore) {
    assert!(all_keys(test, "default").await.is_empty());
    let keys: BTreeSet<String> = (0..2500).map(|number| format!("key.{number}")).collect();
    let entries = |keys: &BTreeSet<String>| keys.iter().map(|key| (key.clone(), b"value".to_vec())).collect();
    for chunk in keys.iter().cloned().collect::<Vec<_>>().chunks(500) {
        let chunk = chunk.iter().cloned().collect();
        test.store.set_many("default", entries(&chunk)).await.expect("they are set");
        test.store.set_many("default2", entries(&chunk)).await.expect("they are set");
    }
    let gone = "key.77".to_owned();
    test.store.delete("default", &gone).await.expect("it is deleted");
    let first = test.store.list_keys("default", None).await.expect("keys");
    assert!(first.keys.len() < 2400 && first.cursor.is_some(), "{} keys at once", first.keys.len());

    let listed = all_keys(test, "default").await;
    let distinct: BTreeSet<String> = listed.iter().cloned().collect();
    let expected: BTreeSet<String> = keys.into_iter().filter(|key| *key != gone).collect();
    assert_eq!(distinct, expected);
}

/// The keys of all pages.
async fn all_keys(test: &TestStore, bucket: &str) -> Vec<String> {
    let (mut keys, mut cursor) = (Vec::new(), None);
    loop {
        let page = test.store.list_keys(bucket, cursor.as_deref()).await.expect("a page");
        keys.extend(page.keys);
        match page.cursor {
            Some(next) => cursor = Some(next),
            None => return keys,
        }
    }
}
