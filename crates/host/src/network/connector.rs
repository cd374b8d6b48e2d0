//! How a connection is made: the host's name looked up, TCP, and TLS.

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiAddrs, GaiResolver, Name};
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tower_service::Service;

/// One attempt to send a request. The client's connections are made for whichever request needs them, so what this one
/// says of its connection, and what it learns of it, goes beside the client.
#[derive(Clone)]
pub(super) struct Attempt(Arc<State>);

struct State {
    connect_timeout: Duration,
    has_begun: AtomicBool,
}

impl Attempt {
    /// An attempt whose connection may take this long, the TLS handshake included.
    pub(super) fn new(connect_timeout: Duration) -> Self {
        Self(Arc::new(State { connect_timeout, has_begun: AtomicBool::new(false) }))
    }

    /// Whether a connection was begun for it.
    pub(super) fn has_begun_connection(&self) -> bool {
        self.0.has_begun.load(Ordering::Relaxed)
    }
}

tokio::task_local! {
    static ATTEMPT: Attempt;
}

/// Polls a future of the client for this attempt.
pub(super) fn attempting<F: Future>(
    attempt: &Attempt,
    future: F,
) -> impl Future<Output = F::Output> + use<F> {
    ATTEMPT.scope(attempt.clone(), future)
}

/// Why there is no connection, where neither TCP nor TLS says it.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    /// The connection took longer than the component waits for it.
    #[error("the connection took too long")]
    TimedOut,
    /// The host's name has no address.
    #[error("the host's name has no address")]
    NoAddress(#[source] io::Error),
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Connecting<Connection, Error> = Pin<Box<dyn Future<Output = Result<Connection, Error>> + Send>>;

/// Makes connections within the time that the attempt has for it.
#[derive(Clone, Debug)]
pub(super) struct Connector(HttpsConnector<HttpConnector<Resolver>>);

impl Connector {
    /// Trusts servers with a certificate from one of these authorities.
    pub(super) fn trusting(authorities: Arc<RootCertStore>) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Resolver(GaiResolver::new()));
        // The scheme says whether there is TLS on top.
        tcp.enforce_http(false);
        // A request is written in one piece: there is nothing to wait for.
        tcp.set_nodelay(true);
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has TLS 1.2 and 1.3")
            .with_root_certificates(authorities)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
        Self(connector.enable_http1().wrap_connector(tcp))
    }
}

impl Service<http::Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = Connecting<Self::Response, BoxError>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, uri: http::Uri) -> Self::Future {
        // The client begins a connection while it is polled for the request that needs one.
        let attempt = ATTEMPT.get();
        attempt.0.has_begun.store(true, Ordering::Relaxed);
        let connecting = self.0.call(uri);
        Box::pin(async move {
            // The client finishes it in a task of its own if the request has got another one meanwhile.
            let connected = tokio::time::timeout(attempt.0.connect_timeout, connecting).await;
            connected.unwrap_or_else(|_elapsed| Err(ConnectError::TimedOut.into()))
        })
    }
}

/// Looks names up as the system does, and says so where that fails.
#[derive(Clone, Debug)]
struct Resolver(GaiResolver);

impl Service<Name> for Resolver {
    type Response = GaiAddrs;
    type Error = ConnectError;
    type Future = Connecting<GaiAddrs, ConnectError>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        self.0.poll_ready(context).map_err(ConnectError::NoAddress)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let found = self.0.call(name);
        Box::pin(async move { found.await.map_err(ConnectError::NoAddress) })
    }
}
