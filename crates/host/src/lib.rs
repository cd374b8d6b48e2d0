//! What a wasmtime host gives the credentials component and the HTTP broker.
//!
//! | Interface | What a host brings | What is here |
//! |---|---|---|
//! | `wasi:http` | an [`OutgoingHttp`] | [`Network`], which reaches the authorities that it is given |
//! | `wasi:keyvalue` | a [`KeyValue`] | |
//! | `wasi:config` | a [`ConfigurationSource`] | [`FixedConfiguration`] |
//! | `wasi:clocks`, `wasi:random`, `wasi:cli/stderr` | something other than the system's, if it wants | |
//!
//! [`Runtime`] and [`Broker`] link these and nothing else. An embedder with data of its own in the store links them
//! with the functions of [`link`].
//!
//! # Embedding the component
//!
//! ```no_run
//! # async fn embed(key_value: std::sync::Arc<dyn credwell_host::KeyValue>) -> anyhow::Result<()> {
//! use credwell_host::{Capabilities, CredentialsClient, FixedConfiguration, Flavour, Network, Runtime};
//! use std::sync::Arc;
//!
//! let configuration = FixedConfiguration::from_iter([
//!     ("credwell_api_key", std::env::var("CREDWELL_API_KEY")?),
//!     ("credwell_encryption_keys", std::env::var("CREDWELL_ENCRYPTION_KEYS")?),
//! ]);
//! let network = Network::to(["api.pipedream.com"]);
//! let capabilities = Capabilities::new(Arc::new(network), key_value, Arc::new(configuration));
//!
//! // Once per process: this compiles the component.
//! let client = CredentialsClient::new(Runtime::new(Flavour::Wasmtime)?, capabilities);
//!
//! // Before each request to an app: what the component keeps is in the key-value store.
//! let credentials = client.get("apn_EOhwvQr").await?;
//! println!("{} fields", credentials.fields.len());
//! # Ok(())
//! # }
//! ```
//!
//! The generated `Debug` of [`Credentials`], [`Field`] and [`FieldValue`] prints every secret: never log
//! them.

mod audit;
mod bindings;
mod broker;
mod capabilities;
mod client;
mod configuration;
mod engine;
mod fingerprint;
mod flavour;
mod instance;
mod key_value;
pub mod link;
mod listener;
mod load_error;
mod metrics;
mod network;
mod observed;
mod runtime;
mod state;
pub mod telemetry;
mod workload;

pub use audit::AuditLog;
pub use bindings::{
    AccountState, Credentials, Error, Field, FieldValue, RateLimit, Source, UpstreamStatus, Warning,
};
pub use broker::{Broker, BrokerError};
pub use capabilities::{Capabilities, OutgoingHttp};
pub use client::{CallError, CredentialsClient};
pub use configuration::{ConfigurationError, ConfigurationSource, ConfigurationView, FixedConfiguration};
pub use credwell_core::error::{ErrorCase, Remedy, WarningCase};
pub use credwell_key_value::{KeyPage, KeyValue, KeyValueError};
pub use engine::{INSTANCE_LIMIT, MEMORY_LIMIT, engine};
pub use fingerprint::FingerprintKey;
pub use flavour::Flavour;
pub use instance::{FUEL_PER_CALL, Instance, Trap, store};
pub use key_value::{Bucket, KeyValueContext, KeyValueView};
pub use listener::Listener;
pub use load_error::LoadError;
pub use metrics::{Metrics, MetricsListener};
pub use network::{CertificateError, Network};
pub use runtime::Runtime;
pub use state::State;
pub use workload::{Workload, WorkloadInstance};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks even after another thread panicked while holding the lock: each critical section here leaves the
/// data whole, and a second panic would hide the first one's message.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
