//! The HTTP broker on this host, with one instance for each request. The caller brings the HTTP server.

use crate::engine::{Permit, Permits};
use crate::flavour::read;
use crate::request_permits::RequestPermit;
use crate::{Capabilities, Flavour, LoadError, State, Trap, engine, link, store, waits};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use std::fmt::Display;
use std::sync::Arc;
use tokio::sync::oneshot;
use tracing::Instrument;
use wasmtime::Store;
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

/// The compiled broker with its imports linked. Clones share it.
#[derive(Clone)]
pub struct Broker {
    pre: ProxyPre<State>,
    permits: Permits,
}

impl Broker {
    /// Reads and compiles the broker at [`Flavour::broker_path`]. Compiling takes about a second, so a
    /// process does it once.
    ///
    /// # Errors
    ///
    /// [`LoadError::Unreadable`], or as for [`Broker::from_bytes`].
    pub fn new(flavour: Flavour) -> Result<Self, LoadError> {
        Self::from_bytes(flavour, &read(flavour.broker_path())?)
    }

    /// Compiles a component that handles requests.
    ///
    /// # Errors
    ///
    /// [`LoadError::Unusable`]: the bytes are not a component, the component imports an interface that this
    /// host does not give it, or the component does not export `wasi:http/incoming-handler`.
    pub fn from_bytes(flavour: Flavour, component: &[u8]) -> Result<Self, LoadError> {
        let pre = engine::prepare(component, |linker| {
            link::all(linker, flavour)?;
            link::stderr(linker)?;
            waits::link(linker)
        });
        let pre = pre.and_then(ProxyPre::new);
        let pre = pre.map_err(LoadError::Unusable)?;
        let permits = Permits::for_running(pre.instance_pre().component());
        Ok(Self { pre, permits })
    }

    /// The number of instances that can run at the same time.
    pub(crate) fn room(&self) -> usize {
        self.permits.room()
    }

    /// Answers a request in an instance of its own. While [`INSTANCE_LIMIT`](crate::INSTANCE_LIMIT) instances
    /// run, the call waits until one of them ends. The instance outlives the response: it ends when it has
    /// written the body, its log line and its metrics.
    ///
    /// # Errors
    ///
    /// The instance could not be started, or ended without a response.
    pub async fn handle<Body>(
        &self,
        capabilities: &Capabilities,
        request: Request<Body>,
    ) -> Result<Response<HyperOutgoingBody>, BrokerError>
    where
        Body: http_body::Body<Data = Bytes> + Send + 'static,
        Body::Error: Display,
    {
        self.handle_in(None, capabilities, request).await
    }

    /// Answers a request that has a permit. The instance keeps the permit until it has ended.
    pub(crate) async fn handle_in<Body>(
        &self,
        request_permit: Option<Arc<RequestPermit>>,
        capabilities: &Capabilities,
        request: Request<Body>,
    ) -> Result<Response<HyperOutgoingBody>, BrokerError>
    where
        Body: http_body::Body<Data = Bytes> + Send + 'static,
        Body::Error: Display,
    {
        let permit = self.permits.running().await;
        let (sender, receiver) = oneshot::channel();
        let failed = |error: Body::Error| wasmtime_wasi_http::Error::InternalError(Some(error.to_string()));
        let request = request.map(|body| body.map_err(failed));
        let store = store(self.pre.engine(), capabilities).map_err(Trap)?;
        let mut instance = BrokerInstance { store, _permit: permit, _request_permit: request_permit.clone() };
        instance.store.data_mut().limit_waits(request_permit);
        let request =
            instance.store.data_mut().http().new_incoming_request(Scheme::Http, request).map_err(Trap)?;
        let response = instance.store.data_mut().http().new_response_outparam(sender).map_err(Trap)?;
        let pre = self.pre.clone();
        let task = async move {
            let broker = pre.instantiate_async(&mut instance.store).await?;
            broker.wasi_http_incoming_handler().call_handle(&mut instance.store, request, response).await
        };
        let task = tokio::spawn(task.in_current_span());
        match receiver.await {
            Ok(response) => response.map_err(BrokerError::Refused),
            // The sender is dropped, so the instance has ended.
            Err(_) => {
                task.await.map_err(wasmtime::Error::new).flatten().map_err(Trap)?;
                Err(BrokerError::Silent)
            }
        }
    }
}

/// The store of one request's instance.
struct BrokerInstance {
    store: Store<State>,
    /// Dropped after the store.
    _permit: Permit,
    _request_permit: Option<Arc<RequestPermit>>,
}

/// The error of [`Broker::handle`].
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The instance trapped.
    #[error(transparent)]
    Trap(#[from] Trap),
    /// The instance returned an error code of `wasi:http` instead of a response.
    #[error("the broker returned an error instead of a response: {0:?}")]
    Refused(ErrorCode),
    /// The instance ended without a response.
    #[error("the broker ended without a response")]
    Silent,
}
