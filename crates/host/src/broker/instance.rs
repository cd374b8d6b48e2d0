//! The instance of the broker, which answers one request at a time.

use crate::engine::Permit;
use crate::idle::{Reusable, USES_PER_INSTANCE};
use crate::request_permits::RequestPermit;
use crate::{Capabilities, State, renew, store};
use bytes::Bytes;
use http::{Request, Response};
use std::sync::Arc;
use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyPre};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

/// The response of an instance, or its error code of `wasi:http`.
type InstanceResponse = Result<Response<HyperOutgoingBody>, ErrorCode>;

/// The sender of an instance's response.
pub(crate) type ResponseSender = oneshot::Sender<InstanceResponse>;

/// The receiver of an instance's response. It fails if the instance sends none.
pub(crate) type ResponseReceiver = oneshot::Receiver<InstanceResponse>;

/// A running instance of the broker, in a store of its own.
pub(super) struct BrokerInstance {
    store: Store<State>,
    exports: Proxy,
    /// The capabilities of the instance. A clone, so that no other capabilities get their addresses.
    capabilities: Capabilities,
    requests: u32,
    /// Dropped after the store.
    permit: Permit,
}

impl BrokerInstance {
    /// Starts an instance.
    pub(super) async fn start(
        pre: &ProxyPre<State>,
        capabilities: &Capabilities,
        permit: Permit,
    ) -> wasmtime::Result<Self> {
        if let Some(metrics) = &capabilities.metrics {
            metrics.instance_started();
        }
        let mut store = store(pre.engine(), capabilities);
        let exports = pre.instantiate_async(&mut store).await?;
        Ok(Self { store, exports, capabilities: capabilities.clone(), requests: 0, permit })
    }

    /// Whether the instance was started with these capabilities.
    pub(super) fn has(&self, capabilities: &Capabilities) -> bool {
        self.capabilities.are_the_same_as(capabilities)
    }

    /// Answers a request. The call goes on after the response until the instance has done its last work. The
    /// instance keeps the request's permit until the result.
    ///
    /// # Errors
    ///
    /// The instance trapped, and can't be used again.
    pub(super) async fn answer<Body>(
        &mut self,
        permit: Option<Arc<RequestPermit>>,
        request: Request<Body>,
        sender: ResponseSender,
    ) -> wasmtime::Result<()>
    where
        Body: http_body::Body<Data = Bytes> + Send + 'static,
        Body::Error: Into<wasmtime_wasi_http::Error>,
    {
        self.requests += 1;
        renew(&mut self.store);
        self.store.data_mut().limit_waits(permit);
        let mut http = self.store.data_mut().http();
        let request = http.new_incoming_request(Scheme::Http, request)?;
        let response = http.new_response_outparam(sender)?;
        self.exports.wasi_http_incoming_handler().call_handle(&mut self.store, request, response).await
    }

    /// Takes the permit of the request that was answered.
    pub(super) fn take_request_permit(&mut self) -> Option<Arc<RequestPermit>> {
        self.store.data_mut().limit_waits(None)
    }

    /// Whether the instance can answer another request.
    pub(super) fn is_reusable(&self) -> bool {
        self.requests < USES_PER_INSTANCE && self.store.data().is_reusable()
    }
}

impl Reusable for BrokerInstance {
    fn set_permit(&mut self, permit: Permit) {
        self.permit = permit;
    }
}
