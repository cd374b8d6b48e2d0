//! The waits of an instance whose request has a permit: `wasi:io/poll` and `wasi:http/outgoing-handler`.
//!
//! An instance of the broker waits in these two interfaces alone: for the upstream, and for time to pass, as
//! before a retry or while another call asks the upstream.

use crate::outgoing_handler;
use crate::request_permits::RequestPermit;
use crate::state::State;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::bindings::io::poll;

/// The view of an instance's data for `wasi:io/poll`.
pub(crate) struct Waits<'a> {
    /// The permit of the instance's request. `None` outside of a listener, where nothing limits waits.
    pub permit: Option<&'a RequestPermit>,
    pub table: &'a mut ResourceTable,
}

impl Waits<'_> {
    fn may_begin(&self) -> bool {
        self.permit.is_none_or(RequestPermit::may_wait)
    }

    /// A wait can't fail, so an instance that may not wait ends.
    fn begin(&self) -> wasmtime::Result<()> {
        if self.may_begin() { Ok(()) } else { wasmtime::bail!("too many requests wait for the upstream") }
    }
}

/// The type that tells wasmtime how to get from a store's data to [`Waits`].
struct Interface;

impl HasData for Interface {
    type Data<'a> = Waits<'a>;
}

/// Links both interfaces, in place of those of wasmtime.
///
/// # Errors
///
/// The linker refuses an interface.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    poll::add_to_linker::<State, Interface>(linker, State::waits)?;
    outgoing_handler::link(linker, |state| state.waits().may_begin())?;
    linker.allow_shadowing(false);
    Ok(())
}

impl poll::Host for Waits<'_> {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        self.begin()?;
        poll::Host::poll(self.table, pollables).await
    }
}

impl poll::HostPollable for Waits<'_> {
    async fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        self.begin()?;
        self.table.block(pollable).await
    }

    async fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        self.table.ready(pollable).await
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        poll::HostPollable::drop(self.table, pollable)
    }
}
