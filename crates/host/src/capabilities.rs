//! The capabilities of an instance: its network, store, configuration, clocks, entropy and standard error.

use crate::log::Log;
use crate::{ConfigurationSource, Metrics};
use credwell_key_value::KeyValue;
use std::sync::Arc;
use wasmtime_wasi::cli::StdoutStream;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, Rng, WasiCtxBuilder};
use wasmtime_wasi_http::WasiHttpHooks;

/// The capabilities of an instance. Clones share everything.
#[derive(Clone)]
pub struct Capabilities {
    /// The client that sends the instance's HTTP requests.
    pub outgoing: Arc<dyn OutgoingHttp>,
    /// The instance's key-value store. It has to outlive the instance, because it holds the cache.
    pub key_value: Arc<dyn KeyValue>,
    /// The instance's settings.
    pub configuration: Arc<dyn ConfigurationSource>,
    changes: Vec<Change>,
    /// The metrics that count the broker's instances.
    pub(crate) metrics: Option<Metrics>,
}

/// A change to wasmtime's defaults for an instance.
type Change = Arc<dyn Fn(&mut WasiCtxBuilder) + Send + Sync>;

impl Capabilities {
    /// Creates capabilities with the system's clocks and entropy and with the standard error of this process.
    /// What instances write there is queued, and a thread writes it in whole lines: see
    /// [`flush_log`](crate::flush_log).
    pub fn new(
        outgoing: Arc<dyn OutgoingHttp>,
        key_value: Arc<dyn KeyValue>,
        configuration: Arc<dyn ConfigurationSource>,
    ) -> Self {
        Self { outgoing, key_value, configuration, changes: Vec::new(), metrics: None }
    }

    /// Gives the instance this clock, as its wall clock and its monotonic clock.
    #[must_use]
    pub fn clock(self, clock: impl HostWallClock + HostMonotonicClock + Clone + Sync + 'static) -> Self {
        self.change(move |wasi| _ = wasi.wall_clock(clock.clone()).monotonic_clock(clock.clone()))
    }

    /// Gives the instance this entropy. The component draws the nonces of its encryption from the entropy, so
    /// two clones must never give the same bytes.
    #[must_use]
    pub fn entropy(self, entropy: impl Rng + Clone + Send + Sync + 'static) -> Self {
        self.change(move |wasi| _ = wasi.secure_random(entropy.clone()))
    }

    /// Gives the instance this standard error. Only a [`Broker`](crate::Broker) has a standard error.
    #[must_use]
    pub fn stderr(self, stderr: impl StdoutStream + Clone + Sync + 'static) -> Self {
        self.change(move |wasi| _ = wasi.stderr(stderr.clone()))
    }

    fn change(mut self, change: impl Fn(&mut WasiCtxBuilder) + Send + Sync + 'static) -> Self {
        self.changes.push(Arc::new(change));
        self
    }

    /// Whether these are clones of the same capabilities. Only these may share an instance.
    pub(crate) fn are_the_same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.outgoing, &other.outgoing)
            && Arc::ptr_eq(&self.key_value, &other.key_value)
            && Arc::ptr_eq(&self.configuration, &other.configuration)
            && self.changes.len() == other.changes.len()
            && self.changes.iter().zip(&other.changes).all(|(one, other)| Arc::ptr_eq(one, other))
    }

    pub(crate) fn wasi(&self) -> WasiCtxBuilder {
        let mut wasi = WasiCtxBuilder::new();
        wasi.stderr(Log::of_process());
        for change in &self.changes {
            change(&mut wasi);
        }
        wasi
    }
}

/// The client that sends the HTTP requests of instances. Each type that implements `Clone` and wasmtime's
/// [`WasiHttpHooks`] implements this trait, for example [`Network`](crate::Network).
pub trait OutgoingHttp: Send + Sync {
    /// The hooks of one instance.
    fn hooks(&self) -> Box<dyn WasiHttpHooks>;
}

impl<Hooks: WasiHttpHooks + Clone + Sync + 'static> OutgoingHttp for Hooks {
    fn hooks(&self) -> Box<dyn WasiHttpHooks> {
        Box::new(self.clone())
    }
}
