//! The reused broker: one instance of the broker that answers many requests, one after the other.

use bytes::Bytes;
use credwell_host::{Capabilities, Flavour, State, link, renew, store};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tokio::sync::oneshot;
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};
use wasmtime_wasi_http::p2::bindings::Proxy;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::{Error, WasiHttpView};

/// One instance of the broker, in a store of its own. Hosts such as `wasmtime serve` use an instance for many
/// requests in this way.
pub struct ReusedBroker {
    store: Store<State>,
    exports: Proxy,
}

impl ReusedBroker {
    /// Compiles the broker and starts the instance.
    ///
    /// # Panics
    ///
    /// The broker isn't built or doesn't run on this host.
    pub(crate) async fn start(engine: &Engine, flavour: Flavour, capabilities: &Capabilities) -> Self {
        Self::try_start(engine, flavour, capabilities)
            .await
            .unwrap_or_else(|error| panic!("no broker to test: {error:?}"))
    }

    async fn try_start(
        engine: &Engine,
        flavour: Flavour,
        capabilities: &Capabilities,
    ) -> wasmtime::Result<Self> {
        let component = Component::from_file(engine, flavour.broker_path())?;
        let mut linker = Linker::new(engine);
        link::all(&mut linker, flavour)?;
        link::stderr(&mut linker)?;
        let mut store = store(engine, capabilities);
        let exports = Proxy::instantiate_async(&mut store, &component, &linker).await?;
        Ok(Self { store, exports })
    }

    /// Answers a request.
    ///
    /// # Panics
    ///
    /// The instance traps, or ends the call without a response.
    pub async fn handle(&mut self, request: Request<Full<Bytes>>) -> Response<Bytes> {
        let (sender, receiver) = oneshot::channel();
        let request = request.map(|body| body.map_err(|never| -> Error { match never {} }));
        renew(&mut self.store);
        let mut http = self.store.data_mut().http();
        let request = http.new_incoming_request(Scheme::Http, request).expect("the table has room");
        let response = http.new_response_outparam(sender).expect("the table has room");
        let handler = self.exports.wasi_http_incoming_handler();
        let call = handler.call_handle(&mut self.store, request, response);
        // The instance writes the body while it is read.
        let whole = async {
            let (head, body) = receiver.await.ok()?.ok()?.into_parts();
            Some(Response::from_parts(head, body.collect().await.ok()?.to_bytes()))
        };
        let (called, response) = tokio::join!(call, whole);
        called.expect("the instance goes on");
        response.expect("the instance responds")
    }
}
