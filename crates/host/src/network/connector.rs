//! The connector, which opens a connection: the lookup of the host name, TCP, and TLS.

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

/// One attempt to send a request. hyper's client passes no data from a request to its connector, so a
/// task-local variable carries the attempt.
#[derive(Clone)]
pub(super) struct Attempt(Arc<State>);

struct State {
    connect_timeout: Duration,
    has_opened: AtomicBool,
}

impl Attempt {
    /// An attempt with this timeout for a new connection, the TLS handshake included.
    pub(super) fn new(connect_timeout: Duration) -> Self {
        Self(Arc::new(State { connect_timeout, has_opened: AtomicBool::new(false) }))
    }

    /// Whether the attempt has started to open a connection, instead of reusing one.
    pub(super) fn has_opened_connection(&self) -> bool {
        self.0.has_opened.load(Ordering::Relaxed)
    }
}

tokio::task_local! {
    static ATTEMPT: Attempt;
}

/// Runs a future of the client as part of this attempt.
pub(super) fn in_attempt<F: Future>(
    attempt: &Attempt,
    future: F,
) -> impl Future<Output = F::Output> + use<F> {
    ATTEMPT.scope(attempt.clone(), future)
}

/// An error of the connector that is not an error of TCP or TLS.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    /// The connection took longer than the attempt's timeout.
    #[error("the connection took too long")]
    TimedOut,
    /// The lookup of the host name found no address.
    #[error("the host's name has no address")]
    NoAddress(#[source] io::Error),
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Connecting<Connection, Error> = Pin<Box<dyn Future<Output = Result<Connection, Error>> + Send>>;

/// Opens connections, with the timeout of the attempt.
#[derive(Clone, Debug)]
pub(super) struct Connector(HttpsConnector<HttpConnector<Resolver>>);

impl Connector {
    /// A connector that trusts servers with a certificate from one of these authorities.
    pub(super) fn trusting(authorities: Arc<RootCertStore>) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Resolver(GaiResolver::new()));
        // The connector for TLS uses this one for https too.
        tcp.enforce_http(false);
        // A request is one write, so Nagle's algorithm would only delay it.
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
        // hyper's client calls the connector while the request that needs a connection is polled, so the
        // task-local variable has that request's attempt.
        let attempt = ATTEMPT.get();
        attempt.0.has_opened.store(true, Ordering::Relaxed);
        let connecting = self.0.call(uri);
        Box::pin(async move {
            // This future may continue in another task: if another connection becomes idle first, the request
            // uses that one. So the attempt is read above and not here.
            let connected = tokio::time::timeout(attempt.0.connect_timeout, connecting).await;
            connected.unwrap_or_else(|_elapsed| Err(ConnectError::TimedOut.into()))
        })
    }
}

/// The system's resolver of host names, with an error type that marks its errors.
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
        let lookup = self.0.call(name);
        Box::pin(async move { lookup.await.map_err(ConnectError::NoAddress) })
    }
}
