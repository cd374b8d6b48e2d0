//! What a store holds: everything that one instance of the component can reach.

use crate::component::MEMORY_LIMIT;
use crate::{Clock, Configuration, Entropy, MemoryKeyValue, Outgoing};
use wasmtime::{StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

/// What an instance is given. Cloning it is cheap, and the clones share the key-value store, the
/// configuration, the clock and the entropy.
#[derive(Clone)]
pub struct Capabilities {
    /// Where its HTTP requests go.
    pub outgoing: Outgoing,
    /// Its key-value store. A host with a store of its own serves that in place of this one: it has to
    /// outlive the instance, or nothing stays cached.
    pub key_value: MemoryKeyValue,
    /// Its configuration.
    pub configuration: Configuration,
    /// Its clocks. None: the system's.
    pub clock: Option<Clock>,
    /// Its entropy. None: the operating system's.
    pub entropy: Option<Entropy>,
    /// Its standard error. None: the process's.
    pub log: Option<MemoryOutputPipe>,
}

/// The data of one instance's store.
pub struct State {
    pub(crate) table: ResourceTable,
    pub(crate) key_value: MemoryKeyValue,
    pub(crate) configuration: Configuration,
    pub(crate) limits: StoreLimits,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outgoing: Box<dyn WasiHttpHooks>,
}

impl State {
    pub(crate) fn new(capabilities: &Capabilities) -> Self {
        let mut wasi = WasiCtx::builder();
        if let Some(clock) = &capabilities.clock {
            wasi.wall_clock(clock.clone()).monotonic_clock(clock.clone());
        }
        if let Some(entropy) = &capabilities.entropy {
            wasi.secure_random(entropy.clone());
        }
        match &capabilities.log {
            Some(log) => wasi.stderr(log.clone()),
            None => wasi.inherit_stderr(),
        };
        Self {
            table: ResourceTable::new(),
            key_value: capabilities.key_value.clone(),
            configuration: capabilities.configuration.clone(),
            limits: StoreLimitsBuilder::new().memory_size(MEMORY_LIMIT).build(),
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            outgoing: capabilities.outgoing.hooks(),
        }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut *self.outgoing, table: &mut self.table, ctx: &mut self.http }
    }
}
