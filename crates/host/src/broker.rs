//! The HTTP broker behind whatever listens: one instance for each request.

use crate::flavour::read;
use crate::{Capabilities, Flavour, LoadError, State, Trap, engine, link, store};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use std::fmt::Display;
use tokio::sync::oneshot;
use tracing::Instrument;
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

/// The compiled broker with its imports linked. Clones share it.
#[derive(Clone)]
pub struct Broker {
    pre: ProxyPre<State>,
}

impl Broker {
    /// Compiles the built broker. That takes a while, so do it once per process.
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
    /// [`LoadError::Unusable`]: the bytes are no component, it imports something that this host doesn't give it, or
    /// handles no requests.
    pub fn from_bytes(flavour: Flavour, component: &[u8]) -> Result<Self, LoadError> {
        let pre = engine::prepare(component, |linker| {
            link::all(linker, flavour)?;
            link::stderr(linker)
        });
        let pre = pre.and_then(ProxyPre::new);
        Ok(Self { pre: pre.map_err(LoadError::Unusable)? })
    }

    /// Answers a request in an instance of its own. The instance runs on until it has written the body.
    ///
    /// # Errors
    ///
    /// The instance could not be started, or ended without an answer.
    pub async fn handle<Body>(
        &self,
        capabilities: &Capabilities,
        request: Request<Body>,
    ) -> Result<Response<HyperOutgoingBody>, BrokerError>
    where
        Body: http_body::Body<Data = Bytes> + Send + 'static,
        Body::Error: Display,
    {
        let (sender, receiver) = oneshot::channel();
        let failed = |error: Body::Error| wasmtime_wasi_http::Error::InternalError(Some(error.to_string()));
        let request = request.map(|body| body.map_err(failed));
        let mut store = store(self.pre.engine(), capabilities).map_err(Trap)?;
        let request = store.data_mut().http().new_incoming_request(Scheme::Http, request).map_err(Trap)?;
        let response = store.data_mut().http().new_response_outparam(sender).map_err(Trap)?;
        let pre = self.pre.clone();
        let instance = async move {
            let broker = pre.instantiate_async(&mut store).await?;
            broker.wasi_http_incoming_handler().call_handle(&mut store, request, response).await
        };
        let instance = tokio::spawn(instance.in_current_span());
        match receiver.await {
            Ok(answer) => answer.map_err(BrokerError::Refused),
            // The instance has dropped the sender: it has ended.
            Err(_) => {
                instance.await.map_err(wasmtime::Error::new).flatten().map_err(Trap)?;
                Err(BrokerError::Silent)
            }
        }
    }
}

/// Why a broker's instance gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// It stopped.
    #[error(transparent)]
    Trap(#[from] Trap),
    /// It said why, in the words of `wasi:http`.
    #[error("the broker gave no answer: {0:?}")]
    Refused(ErrorCode),
    /// It said nothing.
    #[error("the broker ended without an answer")]
    Silent,
}
