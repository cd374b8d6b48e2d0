//! Tests of a component's view of a store, in both drafts.

use super::{Bucket, Comparison, KeyValueContext, OperationError};
use crate::bindings::host::wasi::{keyvalue0_2_0_draft, keyvalue0_2_0_draft2};
use crate::lock;
use async_trait::async_trait;
use credwell_key_value::{KeyPage, KeyValue, KeyValueError};
use keyvalue0_2_0_draft2::atomics::{CasError, Host, HostCas};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use wasmtime::component::{Resource, ResourceTable};

const DEFAULT_BUCKET: &str = "default";

/// The number of keys on a page of a listing.
const PAGE_SIZE: usize = 2;

/// A store with one bucket. A test can make its next swap fail.
#[derive(Clone, Default)]
struct SmallStore(Arc<Mutex<Contents>>);

#[derive(Default)]
struct Contents {
    entries: BTreeMap<String, Vec<u8>>,
    pages: usize,
    swap_failure: Option<KeyValueError>,
}

#[async_trait]
impl KeyValue for SmallStore {
    async fn open(&self, bucket: &str) -> Result<(), KeyValueError> {
        if bucket == DEFAULT_BUCKET { Ok(()) } else { Err(KeyValueError::NoSuchBucket) }
    }

    async fn get(&self, _: &str, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        Ok(lock(&self.0).entries.get(key).cloned())
    }

    async fn set(&self, _: &str, key: &str, value: Vec<u8>) -> Result<(), KeyValueError> {
        lock(&self.0).entries.insert(key.to_owned(), value);
        Ok(())
    }

    async fn delete(&self, _: &str, key: &str) -> Result<(), KeyValueError> {
        lock(&self.0).entries.remove(key);
        Ok(())
    }

    async fn exists(&self, _: &str, key: &str) -> Result<bool, KeyValueError> {
        Ok(lock(&self.0).entries.contains_key(key))
    }

    async fn list_keys(&self, _: &str, cursor: Option<&str>) -> Result<KeyPage, KeyValueError> {
        let mut contents = lock(&self.0);
        contents.pages += 1;
        let after = |key: &&String| cursor.is_none_or(|cursor| key.as_str() > cursor);
        let keys: Vec<_> = contents.entries.keys().filter(after).take(PAGE_SIZE).cloned().collect();
        let cursor = keys.get(PAGE_SIZE - 1).cloned();
        Ok(KeyPage { keys, cursor })
    }

    async fn increment(&self, _: &str, key: &str, delta: i64) -> Result<i64, KeyValueError> {
        let mut contents = lock(&self.0);
        let text = contents.entries.get(key).map_or("0".into(), |value| String::from_utf8_lossy(value));
        let number: i64 = text.parse().map_err(|_| KeyValueError::Failed("not a number".to_owned()))?;
        let sum = number + delta;
        contents.entries.insert(key.to_owned(), sum.to_string().into_bytes());
        Ok(sum)
    }

    async fn compare_and_swap(
        &self,
        _: &str,
        key: &str,
        expected: Option<&[u8]>,
        value: Vec<u8>,
    ) -> Result<bool, KeyValueError> {
        let mut contents = lock(&self.0);
        if let Some(failure) = contents.swap_failure.take() {
            return Err(failure);
        }
        let is_expected = contents.entries.get(key).map(Vec::as_slice) == expected;
        if is_expected {
            contents.entries.insert(key.to_owned(), value);
        }
        Ok(is_expected)
    }
}

/// A store, and the resource table of a component.
struct Scenario {
    store: SmallStore,
    table: ResourceTable,
}

impl Scenario {
    fn new(entries: &[(&str, &str)]) -> Self {
        let store = SmallStore::default();
        let entry = |(key, value): &(&str, &str)| ((*key).to_owned(), value.as_bytes().to_vec());
        lock(&store.0).entries.extend(entries.iter().map(entry));
        Self { store, table: ResourceTable::new() }
    }

    fn context(&mut self) -> KeyValueContext<'_> {
        KeyValueContext { store: &self.store, table: &mut self.table }
    }

    fn value(&self, key: &str) -> Option<String> {
        let found = lock(&self.store.0).entries.get(key).cloned();
        found.map(|value| String::from_utf8(value).expect("the values are texts"))
    }
}

/// A copy of a handle. A component that passes a handle to the host keeps the handle.
fn same<T: 'static>(handle: &Resource<T>) -> Resource<T> {
    Resource::new_own(handle.rep())
}

macro_rules! in_draft {
    ($name:ident, $draft:ident, $found:expr, $missing:expr) => {
        mod $name {
            use super::*;
            use crate::bindings::host::wasi::$draft::{atomics, batch, store};

            async fn open(context: &mut KeyValueContext<'_>) -> Resource<Bucket> {
                store::Host::open(context, DEFAULT_BUCKET.to_owned()).await.expect("the bucket is there")
            }

            #[tokio::test]
            async fn single_keys() {
                use store::HostBucket as Host;
                let mut scenario = Scenario::new(&[("there", "value")]);
                let context = &mut scenario.context();
                let bucket = open(context).await;
                for (key, is_there) in [("there", true), ("missing", false)] {
                    assert_eq!(Host::exists(context, same(&bucket), key.into()).await.unwrap(), is_there);
                    let value = Host::get(context, same(&bucket), key.into()).await.unwrap();
                    assert_eq!(value, is_there.then(|| b"value".to_vec()));
                }
                Host::set(context, same(&bucket), "missing".into(), b"new".to_vec()).await.unwrap();
                Host::delete(context, same(&bucket), "there".into()).await.unwrap();
                Host::drop(context, bucket).await.unwrap();
                assert_eq!((scenario.value("there"), scenario.value("missing")), (None, Some("new".into())));
                assert!(scenario.table.is_empty());
            }

            #[tokio::test]
            async fn a_cursor_continues_the_listing() {
                let keys = ["a", "b", "c", "d", "e"];
                let mut scenario = Scenario::new(&keys.map(|key| (key, "")));
                let context = &mut scenario.context();
                let bucket = open(context).await;
                let (mut found, mut cursor) = (Vec::new(), None);
                loop {
                    let page = store::HostBucket::list_keys(context, same(&bucket), cursor).await.unwrap();
                    found.extend(page.keys);
                    cursor = page.cursor;
                    if cursor.is_none() {
                        break;
                    }
                }
                assert_eq!(found, keys);
                assert_eq!(lock(&scenario.store.0).pages, 3);
            }

            #[tokio::test]
            async fn many_keys_at_once() {
                let mut scenario = Scenario::new(&[("a", "1"), ("b", "2")]);
                let context = &mut scenario.context();
                let bucket = open(context).await;
                let keys = || ["b", "missing", "a"].map(str::to_owned).to_vec();
                let values = batch::Host::get_many(context, same(&bucket), keys()).await.unwrap();
                assert_eq!(values, [$found("b", "2"), $missing("missing"), $found("a", "1")]);

                let entries = [("a", "3"), ("c", "4")].map(|(key, value)| (key.to_owned(), value.into()));
                batch::Host::set_many(context, same(&bucket), entries.to_vec()).await.unwrap();
                batch::Host::delete_many(context, bucket, keys()).await.unwrap();
                assert_eq!((scenario.value("a"), scenario.value("b")), (None, None));
                assert_eq!(scenario.value("c").as_deref(), Some("4"));
            }

            #[tokio::test]
            async fn counting() {
                let mut scenario = Scenario::new(&[("text", "text")]);
                let context = &mut scenario.context();
                let bucket = open(context).await;
                for sum in [2, 4] {
                    let count = atomics::Host::increment(context, same(&bucket), "count".into(), 2);
                    assert_eq!(count.await.unwrap(), sum);
                }
                let refused = atomics::Host::increment(context, bucket, "text".into(), 1).await;
                assert!(
                    matches!(refused, Err(OperationError::Store(KeyValueError::Failed(_)))),
                    "{refused:?}"
                );
            }

            /// The component gets the store's errors. A handle that it doesn't have is a trap.
            #[tokio::test]
            async fn failures() {
                let mut scenario = Scenario::new(&[]);
                let context = &mut scenario.context();
                let bucket = open(context).await;
                let unknown = store::Host::open(context, "other".into()).await.unwrap_err();
                let error = store::Host::convert_error(context, unknown).unwrap();
                assert!(matches!(error, store::Error::NoSuchStore), "{error:?}");
                for (store_error, expected) in [
                    (KeyValueError::AccessDenied, "AccessDenied"),
                    (KeyValueError::Failed("words".into()), "Other(\"words\")"),
                ] {
                    let error = store::Host::convert_error(context, store_error.into()).unwrap();
                    assert!(format!("{error:?}").ends_with(expected), "{error:?}");
                }
                store::HostBucket::drop(context, same(&bucket)).await.unwrap();
                let stale = store::HostBucket::exists(context, bucket, "key".into()).await.unwrap_err();
                assert!(store::Host::convert_error(context, stale).is_err());
            }
        }
    };
}

in_draft!(
    wasmtime_draft,
    keyvalue0_2_0_draft,
    |key: &str, value: &str| Some((key.to_owned(), value.as_bytes().to_vec())),
    |_| None
);
in_draft!(
    spin_draft,
    keyvalue0_2_0_draft2,
    |key: &str, value: &str| (key.to_owned(), Some(value.as_bytes().to_vec())),
    |key: &str| (key.to_owned(), None)
);

async fn bucket(context: &mut KeyValueContext<'_>) -> Resource<Bucket> {
    let name = DEFAULT_BUCKET.to_owned();
    keyvalue0_2_0_draft2::store::Host::open(context, name).await.expect("the bucket is there")
}

/// One draft has unsigned numbers, and the store has signed numbers.
#[tokio::test]
async fn a_number_that_is_out_of_range_is_a_failure() {
    use keyvalue0_2_0_draft::atomics::Host;
    let mut scenario = Scenario::new(&[("negative", "-5")]);
    let context = &mut scenario.context();
    let bucket = bucket(context).await;
    for (key, delta) in [("new", u64::MAX), ("negative", 1)] {
        let refused = Host::increment(context, same(&bucket), key.into(), delta).await;
        assert!(matches!(refused, Err(OperationError::Store(KeyValueError::Failed(_)))), "{refused:?}");
    }
    assert_eq!(scenario.value("new"), None);
}

async fn current(context: &mut KeyValueContext<'_>, handle: &Resource<Comparison>) -> Option<Vec<u8>> {
    HostCas::current(context, same(handle)).await.expect("the handle is there")
}

#[tokio::test]
async fn a_value_is_replaced_while_it_is_the_one_that_was_seen() {
    let mut scenario = Scenario::new(&[]);
    let store = scenario.store.clone();
    let context = &mut scenario.context();
    let bucket = bucket(context).await;

    let handle = HostCas::new(context, same(&bucket), "key".into()).await.unwrap();
    assert_eq!(current(context, &handle).await, None);
    assert!(Host::swap(context, handle, b"first".to_vec()).await.unwrap().is_ok());

    let handle = HostCas::new(context, bucket, "key".into()).await.unwrap();
    store.set(DEFAULT_BUCKET, "key", b"another's".to_vec()).await.unwrap();
    assert_eq!(current(context, &handle).await.as_deref(), Some(b"first".as_slice()));
    let refused = Host::swap(context, same(&handle), b"second".to_vec()).await.unwrap();
    let Err(CasError::CasFailed(handle)) = refused else { panic!("swapped: {refused:?}") };
    assert_eq!(current(context, &handle).await.as_deref(), Some(b"another's".as_slice()));
    assert!(Host::swap(context, handle, b"third".to_vec()).await.unwrap().is_ok());
    assert_eq!(scenario.value("key").as_deref(), Some("third"));
}

#[tokio::test]
async fn a_swap_consumes_its_handle_and_reports_a_failure() {
    let mut scenario = Scenario::new(&[]);
    let store = scenario.store.clone();
    let context = &mut scenario.context();
    let bucket = bucket(context).await;
    let handle = HostCas::new(context, bucket, "key".into()).await.unwrap();
    lock(&store.0).swap_failure = Some(KeyValueError::AccessDenied);
    let refused = Host::swap(context, same(&handle), b"value".to_vec()).await.unwrap();
    assert!(matches!(refused, Err(CasError::StoreError(_))), "{refused:?}");
    assert!(Host::swap(context, handle, b"value".to_vec()).await.is_err());
}

/// A store in a file keeps the numbers of leases in memory. It knows them by the end of their keys.
#[test]
fn the_stores_know_the_keys_of_the_cores_leases() {
    assert_eq!(credwell_key_value::LEASE_SUFFIX, credwell_core::cache::lease::KEY_SUFFIX);
}
