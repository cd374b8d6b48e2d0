//! The data of a wasmtime store: the capabilities and resources of one instance.

use crate::idle::REUSABLE_MEMORY;
use crate::limits::Limits;
use crate::request_permits::RequestPermit;
use crate::ticks::Ticks;
use crate::waits::Waits;
use crate::{Capabilities, ConfigurationSource, ConfigurationView, KeyValueContext, KeyValueView};
use credwell_key_value::KeyValue;
use std::sync::Arc;
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

/// The data of one instance's wasmtime store. It implements all views that [`crate::link`] needs.
pub struct State {
    pub(crate) limits: Limits,
    pub(crate) ticks: Ticks,
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outgoing: Box<dyn WasiHttpHooks>,
    key_value: Arc<dyn KeyValue>,
    configuration: Arc<dyn ConfigurationSource>,
    permit: Option<Arc<RequestPermit>>,
}

impl State {
    pub(crate) fn new(capabilities: &Capabilities) -> Self {
        Self {
            limits: Limits::new(),
            ticks: Ticks::default(),
            table: ResourceTable::new(),
            wasi: capabilities.wasi().build(),
            http: WasiHttpCtx::new(),
            outgoing: capabilities.outgoing.hooks(),
            key_value: Arc::clone(&capabilities.key_value),
            configuration: Arc::clone(&capabilities.configuration),
            permit: None,
        }
    }

    /// Lets the instance wait only as the permit of its request allows. The result is the permit of the
    /// request before.
    pub(crate) fn limit_waits(&mut self, permit: Option<Arc<RequestPermit>>) -> Option<Arc<RequestPermit>> {
        std::mem::replace(&mut self.permit, permit)
    }

    /// Whether the instance can serve another call or request: it holds no resource of the last one, and its
    /// memory is not unusually large.
    pub(crate) fn is_reusable(&self) -> bool {
        self.table.is_empty() && self.limits.memory() <= REUSABLE_MEMORY
    }

    pub(crate) fn waits(&mut self) -> Waits<'_> {
        self.ticks.host_was_called();
        Waits { permit: self.permit.as_deref(), table: &mut self.table }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.ticks.host_was_called();
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.ticks.host_was_called();
        WasiHttpCtxView { hooks: &mut *self.outgoing, table: &mut self.table, ctx: &mut self.http }
    }
}

impl KeyValueView for State {
    fn key_value(&mut self) -> KeyValueContext<'_> {
        self.ticks.host_was_called();
        KeyValueContext { store: &*self.key_value, table: &mut self.table }
    }
}

impl ConfigurationView for State {
    fn configuration(&mut self) -> &dyn ConfigurationSource {
        self.ticks.host_was_called();
        &*self.configuration
    }
}
