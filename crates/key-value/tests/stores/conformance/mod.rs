//! Conformance tests: each case runs on each store.

mod batches;
mod counting;
mod entries;
mod keys;
mod retention;
mod swapping;

use crate::support::test_store::{Backend, TestStore};
use std::time::Duration;

/// A retention longer than any case.
const LONG: Duration = Duration::from_secs(3600);

/// A retention that a test can wait for.
const SHORT: Duration = Duration::from_secs(4);

async fn run(backend: Backend, retention: Duration, case: impl AsyncFnOnce(&TestStore)) {
    if let Some(test) = TestStore::new(backend, retention).await {
        case(&test).await;
    }
}

/// Defines a test for each case and each store that is built.
macro_rules! on_every_store {
    ($($module:ident::$case:ident for $retention:ident,)*) => {
        on_every_store!(memory, Memory, $($module::$case for $retention,)*);
        #[cfg(feature = "file")]
        on_every_store!(file, File, $($module::$case for $retention,)*);
        #[cfg(feature = "redis")]
        on_every_store!(redis, Redis, $($module::$case for $retention,)*);
        #[cfg(feature = "nats")]
        on_every_store!(nats, Nats, $($module::$case for $retention,)*);
    };
    ($store:ident, $backend:ident, $($module:ident::$case:ident for $retention:ident,)*) => {
        mod $store {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $case() {
                    super::run(super::Backend::$backend, super::$retention, super::$module::$case).await;
                }
            )*
        }
    };
}

on_every_store! {
    entries::a_value_stays_until_it_is_overwritten_or_deleted for LONG,
    entries::any_bytes_are_a_value for LONG,
    entries::a_value_of_one_mebibyte_comes_back_whole for LONG,
    entries::a_value_beyond_the_limit_is_refused for LONG,
    entries::buckets_are_apart for LONG,
    entries::a_bucket_with_a_malformed_name_is_refused for LONG,
    entries::concurrent_writers_leave_whole_values for LONG,
    keys::any_text_is_a_key for LONG,
    keys::a_key_beyond_the_limit_is_refused for LONG,
    keys::all_keys_of_a_bucket_are_listed_page_by_page for LONG,
    counting::a_number_is_counted_up_and_down for LONG,
    counting::concurrent_increments_are_all_counted for LONG,
    counting::a_value_that_is_no_number_is_not_changed for LONG,
    counting::a_sum_of_more_than_64_bits_is_refused for LONG,
    swapping::a_value_is_swapped_if_it_is_the_expected_one for LONG,
    swapping::one_of_many_swaps for LONG,
    batches::many_are_read_written_and_removed for LONG,
    batches::an_empty_batch_succeeds for LONG,
    retention::an_entry_that_is_not_written_expires for SHORT,
    retention::a_write_renews_an_entry for SHORT,
}
