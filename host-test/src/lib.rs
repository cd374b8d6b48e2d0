//! A wasmtime host for the credentials component.
//!
//! It is two things at once. To someone who embeds the component it is the example to read: one file per
//! capability, and [`Runtime`] links exactly the capabilities that the component may import. To the tests
//! it is a host in which each capability does what the test says, failures and delays included.
//!
//! | Capability | Host side | What a test controls |
//! |---|---|---|
//! | `wasi:http` | [`Outgoing`] | [`MockUpstream`]: replies, delays, failures, a record of each request |
//! | `wasi:keyvalue` | [`MemoryKeyValue`] | its entries, failures and delays, a record of each operation |
//! | `wasi:config` | [`Configuration`] | each value, failures |
//! | `wasi:clocks` | [`Clock`] | the wall clock, forwards and backwards |
//! | `wasi:random` | [`Entropy`] | the seed |
//!
//! # Embedding the component
//!
//! ```no_run
//! # async fn embed() -> anyhow::Result<()> {
//! use host_test::{Capabilities, Configuration, Flavour, MemoryKeyValue, Network, Outgoing, Runtime};
//!
//! // Once per process: this compiles the component.
//! let runtime = Runtime::new(Flavour::Wasmtime)?;
//! let capabilities = Capabilities {
//!     outgoing: Outgoing::Network(Network::to(["api.pipedream.com"])),
//!     key_value: MemoryKeyValue::new(),
//!     configuration: Configuration::from_iter([
//!         ("credwell_api_key", std::env::var("CREDWELL_API_KEY")?),
//!         ("credwell_encryption_keys", std::env::var("CREDWELL_ENCRYPTION_KEYS")?),
//!     ]),
//!     clock: None,
//!     entropy: None,
//!     log: None,
//! };
//!
//! // Once per request: an instance is cheap, and what the component keeps is in the key-value store.
//! let mut instance = runtime.instantiate(&capabilities).await?;
//! let credentials = instance.get("apn_EOhwvQr").await??;
//! println!("{} fields", credentials.fields.len());
//! # Ok(())
//! # }
//! ```
//!
//! The generated `Debug` of [`Credentials`], [`Field`] and [`FieldValue`] prints every secret: never log
//! them.
//!
//! # Testing against it
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

#![warn(missing_docs)]

mod bindings;
mod broker;
mod clock;
mod component;
mod config;
mod entropy;
mod harness;
mod instance;
mod key_value;
mod listener;
mod local_upstream;
mod network;
mod state;
mod upstream;

pub use bindings::{
    AccountState, Credentials, Error, Field, FieldValue, RateLimit, Source, UpstreamStatus, Warning,
};
pub use broker::Broker;
pub use clock::Clock;
pub use component::{Flavour, MEMORY_LIMIT, Runtime, linker, prepare};
pub use config::{Configuration, ConfigurationFailure};
pub use entropy::Entropy;
pub use harness::{Harness, HarnessBuilder, START_UNIX_MS, TEST_API_KEY, TEST_ENCRYPTION_KEYS};
pub use instance::{FUEL_PER_CALL, Instance, Trap, store};
pub use key_value::{DEFAULT_BUCKET, KeyValueFailure, MemoryKeyValue, Operation, RecordedOperation};
pub use listener::Listener;
pub use local_upstream::LocalUpstream;
pub use network::{Network, Outgoing};
pub use state::{Capabilities, State};
pub use upstream::{Failure, MockUpstream, RecordedRequest, Reply};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks even after another thread panicked while holding the lock: each critical section here leaves the
/// data whole, and a second panic would hide the first one's message from the test.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
