//! A wasmtime host for tests of the components. The test controls every capability, errors and delays
//! included.
//!
//! | Capability | What a test controls |
//! |---|---|
//! | `wasi:http` | [`MockUpstream`]: replies, delays and faults, with a record of each request |
//! | `wasi:keyvalue` | [`MemoryKeyValue`]: entries, errors and delays, with a record of each operation |
//! | `wasi:config` | [`Configuration`]: each value, and errors |
//! | `wasi:clocks` | [`Clock`]: the wall clock, forwards and backwards, and the monotonic clock |
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
//! [`BrokerHarness`] does the same for the HTTP broker, and [`ReusedBroker`] uses one instance of it for many
//! requests.
//!
//! Under `#[tokio::test(start_paused = true)]`, every clock here follows tokio's paused time, so a scripted
//! delay of a minute takes no real time. The attribute needs tokio's feature `test-util`.
//!
//! The host itself is [`credwell_host`]. This crate re-exports the parts that tests use.

mod broker_harness;
mod clock;
mod configuration;
mod entropy;
mod harness;
pub mod http_client;
mod key_value;
mod reused_broker;
mod searched_memories;
pub mod tls;
mod upstream;

pub use broker_harness::{BrokerHarness, BrokerHarnessBuilder};
pub use clock::Clock;
pub use configuration::Configuration;
pub use credwell_host::{
    Broker, CacheFailure, CallError, Capabilities, ConfigurationError, Credentials, CredentialsClient, Error,
    Field, FieldValue, Flavour, Instance, KeyValueError, Listener, Network, RateLimit, Refusal, Refused,
    Runtime, Source, State, Trap, UpstreamStatus, Warning, Workload, link, store,
};
pub use credwell_sample_upstream::SampleUpstream;
pub use entropy::Entropy;
pub use harness::{Harness, HarnessBuilder, START_UNIX_MS, TEST_API_KEY, TEST_ENCRYPTION_KEYS};
pub use key_value::{DEFAULT_BUCKET, MemoryKeyValue, Operation, RecordedOperation};
pub use reused_broker::ReusedBroker;
pub use searched_memories::{SearchedMemories, halves};
pub use upstream::{Fault, MockUpstream, RecordedRequest, Reply};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex, even after a panic in another thread that held the lock. Each critical section of this
/// crate leaves the data consistent, and a second panic would hide the message of the first.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
