//! The waits of an instance whose request has a permit: `wasi:io/poll` and `wasi:http/outgoing-handler`.
//!
//! An instance of the broker waits in these two interfaces alone: for the upstream, and for time to pass, as
//! before a retry or while another call asks the upstream.

use crate::request_permits::RequestPermit;
use crate::state::State;
use wasmtime::StoreContextMut;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::bindings::io::poll;
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler::Host as _;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Host as _, RequestOptions};
use wasmtime_wasi_http::p2::types::{HostFutureIncomingResponse, HostOutgoingRequest};

/// The name under which wasmtime links the outgoing handler.
const OUTGOING_HANDLER: &str = "wasi:http/outgoing-handler@0.2.12";

/// The view of an instance's data for `wasi:io/poll`.
pub(crate) struct Waits<'a> {
    /// The permit of the instance's request. `None` outside of a listener, where nothing limits waits.
    pub permit: Option<&'a RequestPermit>,
    pub table: &'a mut ResourceTable,
}

impl Waits<'_> {
    /// A wait can't fail, so an instance that may not wait ends.
    fn begin(&self) -> wasmtime::Result<()> {
        let may_wait = self.permit.is_none_or(RequestPermit::may_wait);
        if may_wait { Ok(()) } else { wasmtime::bail!("too many requests wait for the upstream") }
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
    outgoing_handler(linker)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Links the outgoing handler. wasmtime's function for this takes a view that implements `wasi:http/types`
/// too.
fn outgoing_handler(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker
        .instance(OUTGOING_HANDLER)?
        .func_wrap("handle", |mut store: StoreContextMut<'_, State>, request| {
            Ok((handle(store.data_mut(), request)?,))
        })
}

type Request = (Resource<HostOutgoingRequest>, Option<Resource<RequestOptions>>);

fn handle(
    state: &mut State,
    (request, options): Request,
) -> wasmtime::Result<Result<Resource<HostFutureIncomingResponse>, ErrorCode>> {
    let may_wait = state.waits().permit.is_none_or(RequestPermit::may_wait);
    let mut http = state.http();
    if !may_wait {
        // The broker can fall back on cached credentials.
        http.table.delete(request)?;
        return Ok(Err(ErrorCode::ConnectionLimitReached));
    }
    match http.handle(request, options) {
        Ok(response) => Ok(Ok(response)),
        Err(error) => http.convert_error_code(error).map(Err),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link;

    #[test]
    fn the_outgoing_handler_has_the_name_that_wasmtime_links() {
        let engine = crate::engine().expect("the machine has room for a pool");
        let mut linker = Linker::new(&engine);
        link::http(&mut linker).expect("the linker is empty");
        let error = outgoing_handler(&mut linker).expect_err("the name is in use").to_string();
        assert!(error.contains("defined twice"), "{error}");
    }
}
