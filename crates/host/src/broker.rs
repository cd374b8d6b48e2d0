//! The HTTP broker on this host, which reuses its instances. The caller brings the HTTP server.

mod instance;

use crate::detached::Detached;
use crate::engine::{IDLE_LIMIT, Permits};
use crate::flavour::read;
use crate::idle::Idle;
use crate::request_permits::RequestPermit;
use crate::{Capabilities, Flavour, LoadError, Precompiled, State, Trap, engine, link, waits};
use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response};
use http_body_util::BodyExt;
pub(crate) use instance::ResponseReceiver;
use instance::{BrokerInstance, ResponseSender};
use std::any::Any;
use std::fmt::Display;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::sync::oneshot;
use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

/// The compiled broker with its imports linked. Clones share it, with its instances.
///
/// An instance answers one request at a time. It is used again for later requests with clones of the same
/// [`Capabilities`], up to a hundred of them, and never for other capabilities. An instance ends after a
/// request if it trapped, if its memory has grown above 4 MiB, or if it still holds a resource of the
/// request. The broker keeps at most 64 idle instances. The last clone of the broker ends them.
#[derive(Clone)]
pub struct Broker {
    pre: ProxyPre<State>,
    permits: Permits,
    idle: Arc<Idle<BrokerInstance>>,
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
        Self::load(flavour, |engine| Component::new(engine, component))
    }

    /// Loads a component that was compiled before, in a few milliseconds.
    ///
    /// # Errors
    ///
    /// As for [`Broker::from_bytes`]. Machine code that this process can't use is no error: see
    /// [`Precompiled`].
    pub fn from_precompiled(flavour: Flavour, precompiled: Precompiled<'_>) -> Result<Self, LoadError> {
        Self::load(flavour, |engine| precompiled.load(engine))
    }

    fn load(
        flavour: Flavour,
        component: impl FnOnce(&Engine) -> wasmtime::Result<Component>,
    ) -> Result<Self, LoadError> {
        let pre = engine::prepare(component, |linker| {
            link::all(linker, flavour)?;
            link::stderr(linker)?;
            waits::link(linker)
        });
        let pre = pre.and_then(ProxyPre::new);
        let pre = pre.map_err(LoadError::Unusable)?;
        let permits = Permits::for_running_and_idle(pre.instance_pre().component());
        let idle = Arc::new(Idle::new(permits.clone(), IDLE_LIMIT as usize));
        Ok(Self { pre, permits, idle })
    }

    /// The number of instances that can run at the same time.
    pub(crate) fn room(&self) -> usize {
        self.permits.room()
    }

    /// Answers a request in an instance that answers no other request at the same time. While
    /// [`INSTANCE_LIMIT`](crate::INSTANCE_LIMIT) instances run, the call waits until one of them has done its
    /// work. The work goes on after the response: the instance writes the body, its log line and its metrics.
    /// It goes on in a task of its own too if the returned future is dropped.
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
        let (broker, capabilities) = (self.clone(), capabilities.clone());
        let (sender, mut receiver) = oneshot::channel();
        let mut work =
            Detached::new(async move { broker.answer(None, &capabilities, request, sender).await });
        let ended = tokio::select! {
            biased;
            response = &mut receiver => match response {
                Ok(response) => return response.map_err(BrokerError::Refused),
                // The sender is dropped, so the instance is about to end.
                Err(_) => work.await,
            },
            ended = &mut work => ended,
        };
        match receiver.try_recv() {
            Ok(response) => response.map_err(BrokerError::Refused),
            Err(_) => Err(ended.map_or_else(BrokerError::Trap, |()| BrokerError::Silent)),
        }
    }

    /// Answers a request and sends the response to `sender`. The call ends when the instance has done its
    /// last work. The instance keeps the permit of the request until then.
    ///
    /// # Errors
    ///
    /// The instance could not be started, or it trapped or panicked, before or after the response.
    pub(crate) async fn answer<Body>(
        &self,
        permit: Option<Arc<RequestPermit>>,
        capabilities: &Capabilities,
        request: Request<Body>,
        sender: ResponseSender,
    ) -> Result<(), Trap>
    where
        Body: http_body::Body<Data = Bytes> + Send + 'static,
        Body::Error: Display,
    {
        let failed = |error: Body::Error| wasmtime_wasi_http::Error::InternalError(Some(error.to_string()));
        let request = request.map(|body| body.map_err(failed));
        // A panic of the embedder's code ends the request and the instance, and nothing else.
        let work = AssertUnwindSafe(self.run(permit, capabilities, request, sender)).catch_unwind();
        work.await.unwrap_or_else(|panic| Err(panicked(&*panic))).map_err(Trap)
    }

    async fn run<Body>(
        &self,
        request_permit: Option<Arc<RequestPermit>>,
        capabilities: &Capabilities,
        request: Request<Body>,
        sender: ResponseSender,
    ) -> wasmtime::Result<()>
    where
        Body: http_body::Body<Data = Bytes, Error = wasmtime_wasi_http::Error> + Send + 'static,
    {
        let permit = self.permits.running().await;
        let idle = self.idle.take(permit, |instance| instance.has(capabilities));
        let mut instance = match idle {
            Ok(instance) => instance,
            Err(permit) => BrokerInstance::start(&self.pre, capabilities, permit).await?,
        };
        instance.answer(request_permit, request, sender).await?;
        // Dropped last, so that the next request finds the instance.
        let _request_permit = instance.take_request_permit();
        if instance.is_reusable() {
            self.idle.keep(instance);
        }
        Ok(())
    }
}

/// The error for a panic, with its message.
fn panicked(panic: &(dyn Any + Send)) -> wasmtime::Error {
    let message = panic.downcast_ref::<&str>().copied();
    let message = message.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    wasmtime::format_err!("panicked: {}", message.unwrap_or("without a message"))
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
