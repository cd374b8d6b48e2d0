//! The HTTP broker behind whatever listens: one instance for each request.

use crate::flavour::read;
use crate::{Capabilities, Flavour, State, engine, link, store};
use anyhow::Context;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use std::fmt::Display;
use tokio::sync::oneshot;
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
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
    /// The component isn't built, or as for [`Broker::from_bytes`].
    pub fn new(flavour: Flavour) -> anyhow::Result<Self> {
        Self::from_bytes(flavour, &read(&flavour.broker_path())?)
    }

    /// Compiles a component that handles requests.
    ///
    /// # Errors
    ///
    /// The bytes are no component, it imports something that this host doesn't give it, or handles no requests.
    pub fn from_bytes(flavour: Flavour, component: &[u8]) -> anyhow::Result<Self> {
        let pre = engine::prepare(component, |linker| {
            link::all(linker, flavour)?;
            link::stderr(linker)
        });
        let pre = pre.and_then(ProxyPre::new);
        Ok(Self { pre: pre.map_err(|error| anyhow::Error::from_boxed(error.into()))? })
    }

    /// Answers a request in an instance of its own. The instance runs on until it has written the body.
    ///
    /// # Errors
    ///
    /// The instance could not be started, or stopped without an answer.
    pub async fn handle<Body>(
        &self,
        capabilities: &Capabilities,
        request: Request<Body>,
    ) -> anyhow::Result<Response<HyperOutgoingBody>>
    where
        Body: http_body::Body<Data = Bytes> + Send + 'static,
        Body::Error: Display,
    {
        let (sender, receiver) = oneshot::channel();
        let failed = |error: Body::Error| wasmtime_wasi_http::Error::InternalError(Some(error.to_string()));
        let request = request.map(|body| body.map_err(failed));
        let mut store = store(self.pre.engine(), capabilities).map_err(boxed)?;
        let request = store.data_mut().http().new_incoming_request(Scheme::Http, request).map_err(boxed)?;
        let response = store.data_mut().http().new_response_outparam(sender).map_err(boxed)?;
        let pre = self.pre.clone();
        let instance = tokio::spawn(async move {
            let broker = pre.instantiate_async(&mut store).await?;
            broker.wasi_http_incoming_handler().call_handle(&mut store, request, response).await
        });
        match receiver.await {
            Ok(answer) => answer.context("the broker gave no answer"),
            // The instance has dropped the sender: it has ended.
            Err(_) => {
                instance.await?.map_err(boxed)?;
                Err(anyhow::anyhow!("the broker ended without an answer"))
            }
        }
    }
}

fn boxed(error: wasmtime::Error) -> anyhow::Error {
    anyhow::Error::from_boxed(error.into())
}
