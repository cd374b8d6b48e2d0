//! The host's `wasi:http/outgoing-handler`, in place of wasmtime's.
//!
//! wasmtime's handler leaves the options of each request in the instance's table, until the instance ends.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler::Host as _;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Host as _, RequestOptions};
use wasmtime_wasi_http::p2::types::{HostFutureIncomingResponse, HostOutgoingRequest};

/// The name under which wasmtime links the outgoing handler.
const NAME: &str = "wasi:http/outgoing-handler@0.2.12";

/// Links the outgoing handler. It sends no request while `may_send` is false.
///
/// wasmtime's function for this takes a view that implements `wasi:http/types` too.
///
/// # Errors
///
/// The interface is linked already.
pub(crate) fn link<T: WasiHttpView + 'static>(
    linker: &mut Linker<T>,
    may_send: fn(&mut T) -> bool,
) -> wasmtime::Result<()> {
    linker.instance(NAME)?.func_wrap("handle", move |mut store: StoreContextMut<'_, T>, request| {
        let may_send = may_send(store.data_mut());
        Ok((handle(store.data_mut(), request, may_send)?,))
    })
}

type Request = (Resource<HostOutgoingRequest>, Option<Resource<RequestOptions>>);

fn handle(
    data: &mut impl WasiHttpView,
    (request, options): Request,
    may_send: bool,
) -> wasmtime::Result<Result<Resource<HostFutureIncomingResponse>, ErrorCode>> {
    let mut http = data.http();
    let borrowed = options.as_ref().map(|options| Resource::new_borrow(options.rep()));
    let result = if may_send {
        http.handle(request, borrowed).map(Ok).or_else(|error| http.convert_error_code(error).map(Err))?
    } else {
        // The broker can fall back on cached credentials.
        http.table.delete(request)?;
        Err(ErrorCode::ConnectionLimitReached)
    };
    if let Some(options) = options {
        http.table.delete(options)?;
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::State;

    #[test]
    fn the_outgoing_handler_has_the_name_that_wasmtime_links() {
        let engine = crate::engine().expect("the machine has room for a pool");
        let mut linker = Linker::<State>::new(&engine);
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker).expect("the linker is empty");
        let error = link(&mut linker, |_| true).expect_err("the name is in use").to_string();
        assert!(error.contains("defined twice"), "{error}");
    }
}
