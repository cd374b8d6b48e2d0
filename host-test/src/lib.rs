//! A host for the components in which each capability does what the test says, failures and delays included.
//!
//! | Capability | What a test controls |
//! |---|---|
//! | `wasi:http` | [`MockUpstream`]: replies, delays, failures, a record of each request |
//! | `wasi:keyvalue` | [`MemoryKeyValue`]: its entries, failures and delays, a record of each operation |
//! | `wasi:config` | [`Configuration`]: each value, failures |
//! | `wasi:clocks` | [`Clock`]: the wall clock, forwards and backwards |
//! | `wasi:random` | [`Entropy`]: the seed |
//!
//! ```no_run
//! # async fn test() {
//! use host_test::{Flavour, Harness, MockUpstream, Reply};
//!
//! let upstream = MockUpstream::new();
//! upstream.reply(Reply::status(429).header("retry-after", "7"));
//! let harness = Harness::builder(Flavour::Wasmtime).upstream(upstream).build();
//!
//! assert!(harness.get("apn_EOhwvQr").await.is_err());
//! assert_eq!(harness.upstream.count(), 1);
//! # }
//! ```
//!
//! Under `#[tokio::test(start_paused = true)]` every clock here is tokio's paused one, so a scripted delay
//! of a minute takes no time. That attribute needs tokio's feature `test-util`.
//!
//! What isn't of tests alone comes from [`credwell_host`], and what tests use of it is exported here too.

mod clock;
mod configuration;
mod entropy;
mod harness;
pub mod http_client;
mod key_value;
pub mod tls;
mod upstream;

pub use clock::Clock;
pub use configuration::Configuration;
pub use credwell_host::{
    Broker, CallError, Capabilities, ConfigurationError, Credentials, CredentialsClient, Error, Field,
    FieldValue, Flavour, Instance, KeyValueError, Listener, Network, Runtime, Source, State, Trap, Warning,
    Workload, link, store,
};
pub use credwell_sample_upstream::SampleUpstream;
pub use entropy::Entropy;
pub use harness::{Harness, HarnessBuilder, START_UNIX_MS, TEST_API_KEY, TEST_ENCRYPTION_KEYS};
pub use key_value::{DEFAULT_BUCKET, MemoryKeyValue, Operation, RecordedOperation};
pub use upstream::{Fault, MockUpstream, RecordedRequest, Reply};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks even after another thread panicked while holding the lock: each critical section here leaves the
/// data whole, and a second panic would hide the first one's message from the test.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
