//! What an instance is given.

use crate::ConfigurationSource;
use credwell_key_value::KeyValue;
use std::sync::Arc;
use wasmtime_wasi::cli::StdoutStream;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, Rng, WasiCtxBuilder};
use wasmtime_wasi_http::WasiHttpHooks;

/// What an instance is given. Clones share everything.
#[derive(Clone)]
pub struct Capabilities {
    /// Where its HTTP requests go.
    pub outgoing: Arc<dyn OutgoingHttp>,
    /// Its key-value store. It has to outlive the instance, or nothing stays cached.
    pub key_value: Arc<dyn KeyValue>,
    /// Its configuration.
    pub configuration: Arc<dyn ConfigurationSource>,
    changes: Vec<Change>,
}

/// A change to what wasmtime gives an instance unless told otherwise.
type Change = Arc<dyn Fn(&mut WasiCtxBuilder) + Send + Sync>;

impl Capabilities {
    /// These capabilities, with the system's clocks and entropy, and the standard error of this process.
    pub fn new(
        outgoing: Arc<dyn OutgoingHttp>,
        key_value: Arc<dyn KeyValue>,
        configuration: Arc<dyn ConfigurationSource>,
    ) -> Self {
        Self { outgoing, key_value, configuration, changes: Vec::new() }
    }

    /// Gives the instance this clock, as its wall clock and its monotonic one.
    #[must_use]
    pub fn clock(self, clock: impl HostWallClock + HostMonotonicClock + Clone + Sync + 'static) -> Self {
        self.change(move |wasi| _ = wasi.wall_clock(clock.clone()).monotonic_clock(clock.clone()))
    }

    /// Gives the instance this entropy. Nonces are drawn from it, so the clones must not repeat one another.
    #[must_use]
    pub fn entropy(self, entropy: impl Rng + Clone + Send + Sync + 'static) -> Self {
        self.change(move |wasi| _ = wasi.secure_random(entropy.clone()))
    }

    /// Takes what the instance writes to its standard error. Only brokers have one.
    #[must_use]
    pub fn stderr(self, stderr: impl StdoutStream + Clone + Sync + 'static) -> Self {
        self.change(move |wasi| _ = wasi.stderr(stderr.clone()))
    }

    fn change(mut self, change: impl Fn(&mut WasiCtxBuilder) + Send + Sync + 'static) -> Self {
        self.changes.push(Arc::new(change));
        self
    }

    pub(crate) fn wasi(&self) -> WasiCtxBuilder {
        let mut wasi = WasiCtxBuilder::new();
        wasi.inherit_stderr();
        for change in &self.changes {
            change(&mut wasi);
        }
        wasi
    }
}

/// Where a component's HTTP requests go. Everything that implements wasmtime's [`WasiHttpHooks`] and can be cloned is
/// one, [`Network`](crate::Network) for example.
pub trait OutgoingHttp: Send + Sync {
    /// The hooks of one instance.
    fn hooks(&self) -> Box<dyn WasiHttpHooks>;
}

impl<Hooks: WasiHttpHooks + Clone + Sync + 'static> OutgoingHttp for Hooks {
    fn hooks(&self) -> Box<dyn WasiHttpHooks> {
        Box::new(self.clone())
    }
}
