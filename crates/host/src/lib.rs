//! A wasmtime host for the credentials component and the HTTP broker, as a library for Rust programs.
//!
//! The component gets five capabilities from its host, and no others:
//!
//! | Interface | The embedder's part | This crate's part |
//! |---|---|---|
//! | `wasi:http` | the authorities that the component may reach | [`Network`], or any [`OutgoingHttp`] |
//! | `wasi:keyvalue` | the store that holds the cache | [`credwell_key_value::open`], or any [`KeyValue`] |
//! | `wasi:config` | the settings | [`FixedConfiguration`], or any [`ConfigurationSource`] |
//! | `wasi:clocks` | | the system's clocks, or [`Capabilities::clock`] |
//! | `wasi:random` | | the system's entropy, or [`Capabilities::entropy`] |
//!
//! The broker also writes its log to `wasi:cli/stderr`.
//!
//! # Embed the component
//!
//! Each code block on this page is a complete program, and a test of this crate runs it. The programs send
//! their requests to a server with sample accounts on the loopback. For Pipedream's API, leave out
//! `credwell_base_url` and allow `api.pipedream.com`.
//!
//! ```
//! use credwell_host::{Capabilities, CredentialsClient, FixedConfiguration, Flavour, Network};
//! use credwell_host::{Runtime, Source};
//! use credwell_sample_upstream::SampleUpstream;
//! use std::sync::Arc;
//!
//! #[tokio::main]
//! async fn main() -> anyhow::Result<()> {
//!     let upstream = SampleUpstream::start().await?;
//!     let network = Network::to([upstream.authority()]);
//!     let key_value = credwell_key_value::open(&"memory:".parse()?).await?;
//!     let configuration = FixedConfiguration::from_iter([
//!         ("credwell_api_key", SampleUpstream::API_KEY.to_owned()),
//!         ("credwell_base_url", upstream.base_url()),
//!         ("credwell_encryption_keys", format!("k1:{}", "6b1f0c9de2a84735".repeat(4))),
//!     ]);
//!     let capabilities = Capabilities::new(Arc::new(network), key_value, Arc::new(configuration));
//!     let client = CredentialsClient::new(Runtime::new(Flavour::Wasmtime)?, capabilities);
//!
//!     let first = client.get("apn_EOhwvQr").await?;
//!     let second = client.get("apn_EOhwvQr").await?;
//!     assert_eq!((first.source, second.source), (Source::Upstream, Source::Cache));
//!
//!     // An app has rejected the access token with 401.
//!     let refreshed = client.refresh("apn_EOhwvQr", second.access_token.as_deref()).await?;
//!     assert_ne!(refreshed.access_token, second.access_token);
//!     Ok(())
//! }
//! ```
//!
//! [`Runtime::new`] compiles the component, so a process does it once. [`Precompiled`] loads machine code
//! of an earlier compilation. `cargo xtask build` writes the component to the path that [`Flavour::path`]
//! returns. A program for another machine carries the component with `include_bytes!`, and
//! [`Runtime::from_bytes`] takes it. A client may be cloned and used by any number of tasks.
//!
//! Call [`CredentialsClient::get`] before each request to an app: the component's cache decides when to fetch
//! again. A program that keeps credentials may use them until their `fresh_until` and has to call again then.
//! The derived `Debug` of [`Credentials`], [`Field`] and [`FieldValue`] prints every secret, so never log
//! them. [`CallError`], [`Error::message`] and [`Warning::message`] contain no secret.
//!
//! # Serve the broker
//!
//! The broker is the same logic behind an HTTP API, for programs that don't run WebAssembly.
//!
//! ```
//! use credwell_host::{Broker, Capabilities, FixedConfiguration, Flavour, Listener, Network};
//! use credwell_sample_upstream::SampleUpstream;
//! use std::sync::Arc;
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! #[tokio::main]
//! async fn main() -> anyhow::Result<()> {
//!     let upstream = SampleUpstream::start().await?;
//!     let network = Network::to([upstream.authority()]);
//!     let key_value = credwell_key_value::open(&"memory:".parse()?).await?;
//!     let configuration = FixedConfiguration::from_iter([
//!         ("credwell_base_url", upstream.base_url()),
//!         ("credwell_broker_mode", "pass-through".to_owned()),
//!         ("credwell_encryption_keys", format!("k1:{}", "6b1f0c9de2a84735".repeat(4))),
//!     ]);
//!     let capabilities = Capabilities::new(Arc::new(network), key_value, Arc::new(configuration));
//!     let broker = Broker::new(Flavour::Wasmtime)?;
//!     let listener = Listener::bind("127.0.0.1:0", broker, capabilities).await?;
//!     let address = listener.address();
//!     let (shutdown, stopped) = tokio::sync::oneshot::channel::<()>();
//!     let server = tokio::spawn(listener.serve(async { _ = stopped.await }));
//!
//!     // A program sends its own API key to the broker.
//!     let mut program = tokio::net::TcpStream::connect(address).await?;
//!     let path = "/v1/accounts/apn_EOhwvQr/credentials";
//!     let headers = format!("host: {address}\r\nauthorization: Bearer {}", SampleUpstream::API_KEY);
//!     let request = format!("GET {path} HTTP/1.1\r\n{headers}\r\nconnection: close\r\n\r\n");
//!     program.write_all(request.as_bytes()).await?;
//!     let mut response = String::new();
//!     program.read_to_string(&mut response).await?;
//!     assert!(response.starts_with("HTTP/1.1 200 OK"));
//!
//!     _ = shutdown.send(());
//!     server.await?;
//!     Ok(())
//! }
//! ```
//!
//! [`Listener`] limits connections, requests and their size. A program with an HTTP server of its own calls
//! [`Broker::handle`] instead.
//!
//! # Run a workload of your own
//!
//! [`Workload`] runs a component of any world that imports the interfaces in the table above, for example
//! your component composed with the credentials component. The documentation of [`Workload`] has an example.
//!
//! If your component imports other interfaces too, link this crate's interfaces one by one with the functions
//! of [`link`], and your own beside them. The data in the wasmtime store is a type of yours. It implements a
//! view for each group of interfaces.
//!
//! ```
//! use credwell_host::{Flavour, KeyValue, KeyValueContext, KeyValueView, TICK_LIMIT, engine, link};
//! use std::sync::Arc;
//! use wasmtime::component::{Component, Linker, ResourceTable};
//! use wasmtime::{Store, StoreContextMut};
//!
//! struct Tenant {
//!     number: u32,
//!     key_value: Arc<dyn KeyValue>,
//!     table: ResourceTable,
//! }
//!
//! impl KeyValueView for Tenant {
//!     fn key_value(&mut self) -> KeyValueContext<'_> {
//!         KeyValueContext { store: &*self.key_value, table: &mut self.table }
//!     }
//! }
//!
//! // It imports `wasi:keyvalue/store` and `example:embedder/tenant`, and exports `run`.
//! # const COMPONENT: &str = r#"(component
//! #     (import "wasi:keyvalue/store@0.2.0-draft" (instance (export "bucket" (type (sub resource)))))
//! #     (import "example:embedder/tenant" (instance $tenant (export "number" (func (result u32)))))
//! #     (core func $number (canon lower (func $tenant "number")))
//! #     (core module $module
//! #         (import "tenant" "number" (func $number (result i32)))
//! #         (func (export "run") (result i32) (call $number)))
//! #     (core instance $tenant (export "number" (func $number)))
//! #     (core instance $code (instantiate $module (with "tenant" (instance $tenant))))
//! #     (func (export "run") (result u32) (canon lift (core func $code "run"))))"#;
//! # fn component() -> wasmtime::Result<Vec<u8>> {
//! #     Ok(wat::parse_str(COMPONENT)?)
//! # }
//! #
//! #[tokio::main]
//! async fn main() -> wasmtime::Result<()> {
//!     let engine = engine()?;
//!     let component = Component::new(&engine, component()?)?;
//!     let mut linker = Linker::<Tenant>::new(&engine);
//!     link::key_value(&mut linker, Flavour::Wasmtime)?;
//!     let number = |store: StoreContextMut<'_, Tenant>, (): ()| Ok((store.data().number,));
//!     linker.instance("example:embedder/tenant")?.func_wrap("number", number)?;
//!
//!     let key_value = credwell_key_value::open(&"memory:".parse()?).await?;
//!     let mut store = Store::new(&engine, Tenant { number: 7, key_value, table: ResourceTable::new() });
//!     // Each call sets it anew. A call that takes longer traps, its waits included.
//!     store.set_epoch_deadline(TICK_LIMIT);
//!     let instance = linker.instantiate_async(&mut store, &component).await?;
//!     let run = instance.get_typed_func::<(), (u32,)>(&mut store, "run")?;
//!     assert_eq!(run.call_async(&mut store, ()).await?, (7,));
//!     Ok(())
//! }
//! ```
//!
//! [`State`] is the data that [`Runtime`], [`Broker`] and [`Workload`] use. It implements all views.
//!
//! # Choose a store
//!
//! The store holds the encrypted cache. [`credwell_key_value::open`] opens one by URL:
//!
//! | URL | Feature of `credwell-key-value` | Choose it if |
//! |---|---|---|
//! | `memory:` | | one process runs, and it may start with an empty cache |
//! | `redb:PATH` | `file` | one process runs, and the cache has to survive a restart |
//! | `redis://HOST`, `rediss://HOST` | `redis` | several processes or machines share the cache |
//! | `nats://HOST`, `tls://HOST` | `nats` | the same, with NATS JetStream |
//!
//! Any other store is a type that implements [`KeyValue`]. The components take leases with the atomic
//! operations, so these have to be atomic for all processes that share the store.
//!
//! # What the host logs and measures
//!
//! ```
//! use credwell_host::{AuditLog, FingerprintKey, Metrics, MetricsListener, telemetry};
//! # use credwell_host::{Broker, Capabilities, FixedConfiguration, Flavour, Listener, Network};
//!
//! # async fn bind() -> anyhow::Result<Listener> {
//! #     let network = std::sync::Arc::new(Network::to(["api.pipedream.com"]));
//! #     let configuration = std::sync::Arc::new(FixedConfiguration::default());
//! #     let key_value = credwell_key_value::open(&"memory:".parse()?).await?;
//! #     let capabilities = Capabilities::new(network, key_value, configuration);
//! #     Ok(Listener::bind("127.0.0.1:0", Broker::new(Flavour::Wasmtime)?, capabilities).await?)
//! # }
//! #[tokio::main]
//! async fn main() -> anyhow::Result<()> {
//!     let telemetry = telemetry::start(telemetry::TelemetryOptions::default())?;
//!     let metrics = Metrics::new();
//!     let operators = MetricsListener::bind("127.0.0.1:0", metrics.clone()).await?;
//!     tokio::spawn(operators.serve(std::future::pending()));
//!
//!     let listener = bind().await?; // The listener of the broker, as above.
//! #     let folder = tempfile::tempdir()?;
//! #     let path = folder.path().join("audit.jsonl");
//!     let listener = listener
//!         .metrics(metrics.clone())
//!         .audit(AuditLog::to_file(path)?)
//!         .fingerprint_key(FingerprintKey::new(b"32 random bytes of the operator."));
//! #     let stopped = std::future::ready(());
//!     listener.serve(stopped).await;
//!     assert!(metrics.text().contains("credwell_host_requests_in_flight 0"));
//!     telemetry.shutdown().await;
//!     Ok(())
//! }
//! ```
//!
//! | Output | Content | Documented at |
//! |---|---|---|
//! | events on the standard error | failed instances, stores and connections | [`telemetry`] |
//! | spans over OTLP | requests, operations of the store, requests to the upstream | [`telemetry`] |
//! | metrics | counts and durations of the same, and connections | [`Metrics`] |
//! | audit log | one line for each request for an account | [`AuditLog`] |
//! | the broker's log | one JSON line for each request, from the component | [`Capabilities::stderr`] |
//!
//! None of them contains a secret. [`Capabilities::observed`] counts and traces the calls of a
//! [`CredentialsClient`] too.
//!
//! # Features
//!
//! `opentelemetry`, a default feature, exports spans over OTLP.

mod audit;
mod bindings;
mod broker;
mod capabilities;
mod client;
mod configuration;
mod detached;
mod engine;
mod fingerprint;
mod flavour;
mod idle;
mod instance;
mod key_value;
mod limits;
mod line_output;
pub mod link;
mod listener;
mod load_error;
mod lock;
mod log;
mod metrics;
mod network;
mod observed;
mod outgoing_handler;
mod precompiled;
mod request_permits;
mod runtime;
mod state;
pub mod telemetry;
mod ticks;
mod waits;
mod workload;

pub use audit::{AuditError, AuditLog};
pub use bindings::{
    AccountState, CacheFailure, Credentials, Error, Field, FieldValue, RateLimit, Refusal, Refused, Source,
    UpstreamStatus, Warning,
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
pub use instance::{Instance, Trap, store};
pub use key_value::{Bucket, KeyValueContext, KeyValueView};
pub use listener::{CONNECTION_LIMIT, Listener};
pub use load_error::LoadError;
use lock::lock;
pub use log::flush_log;
pub use metrics::{Metrics, MetricsListener};
pub use network::{CertificateError, Network};
pub use precompiled::{Precompiled, precompile};
pub use runtime::Runtime;
pub use state::State;
pub use ticks::{TICK, TICK_LIMIT, renew};
pub use workload::{Workload, WorkloadInstance};
