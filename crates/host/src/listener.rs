//! What listens in front of the HTTP broker: HTTP/1.1, one instance for each request, and bounds on what
//! callers can take up.

mod connections;
mod request_id;
mod request_log;
mod response;
mod service;
mod whole;

pub(crate) use connections::{Bounds, serve_connections};
pub(crate) use response::{BufferedResponse, empty};

use crate::{AuditLog, Broker, Capabilities, FingerprintKey, Metrics};
use service::Service;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::sync::Semaphore;
use tokio::time::timeout_at;

/// How many requests are answered at the same time, unless [`Listener::concurrency_limit`] says otherwise. It
/// is half of what the engine's pool holds: an instance outlives its answer by a moment.
const CONCURRENCY_LIMIT: usize = 128;

/// How many requests for `/healthz` are answered beside those: whoever restarts what doesn't answer must not do so
/// because it is busy.
const HEALTH_RESERVE: usize = 8;

/// How many connections are open at the same time, unless [`Listener::connection_limit`] says otherwise.
const CONNECTION_LIMIT: usize = 1024;

/// How long a caller may take to send a request's head, and then its body, unless [`Listener::read_timeout`] says
/// otherwise.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// A server for the HTTP broker.
///
/// ```no_run
/// # async fn listen(capabilities: credwell_host::Capabilities) -> anyhow::Result<()> {
/// use credwell_host::{AuditLog, Broker, FingerprintKey, Flavour, Listener, Metrics, MetricsListener};
///
/// let broker = Broker::new(Flavour::Wasmtime)?;
/// let metrics = Metrics::new();
/// let for_operators = MetricsListener::bind("127.0.0.1:9090", metrics.clone()).await?;
/// tokio::spawn(for_operators.serve(std::future::pending()));
/// let listener = Listener::bind("127.0.0.1:8080", broker, capabilities).await?;
/// println!("listening on http://{}", listener.address());
/// let listener = listener.audit(AuditLog::to_file("/var/log/credwell/audit.jsonl")?);
/// let listener = listener.fingerprint_key(FingerprintKey::new(b"32 random bytes of your own"));
/// let shutdown = async { _ = tokio::time::sleep(std::time::Duration::from_secs(3_600)).await };
/// listener.metrics(metrics).serve(shutdown).await;
/// # Ok(())
/// # }
/// ```
///
/// It speaks no TLS: anywhere but on the loopback, something that does has to stand in front of it.
///
/// Requests beyond the concurrency limit are answered 503 at once, instead of a queue that would only grow; eight
/// requests for `/healthz` don't count. What an instance fails with is an event of `tracing`, and its caller is told no
/// more than that it failed.
///
/// Each answer has `x-request-id`: the request's, if it sent one of at most 64 visible ASCII characters, or a random
/// one. It is in logs, so it should be no secret.
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    broker: Broker,
    capabilities: Capabilities,
    concurrency_limit: usize,
    bounds: Bounds,
    audit: Option<AuditLog>,
    metrics: Metrics,
    fingerprint_key: FingerprintKey,
}

impl Listener {
    /// Listens on an address. Port 0 takes any that is free.
    ///
    /// # Errors
    ///
    /// The address is in use, or is none of this machine.
    pub async fn bind(
        address: impl ToSocketAddrs,
        broker: Broker,
        capabilities: Capabilities,
    ) -> std::io::Result<Self> {
        let socket = TcpListener::bind(address).await?;
        Ok(Self {
            address: socket.local_addr()?,
            socket,
            broker,
            capabilities,
            concurrency_limit: CONCURRENCY_LIMIT,
            bounds: Bounds { connections: CONNECTION_LIMIT, read_timeout: READ_TIMEOUT },
            audit: None,
            metrics: Metrics::new(),
            fingerprint_key: FingerprintKey::random(),
        })
    }

    /// Sets how many requests are answered at the same time. More than 128 can use up the engine's pool.
    #[must_use]
    pub fn concurrency_limit(self, limit: usize) -> Self {
        Self { concurrency_limit: limit, ..self }
    }

    /// Sets how many connections are open at the same time, 1024 by default. More wait until one is closed.
    #[must_use]
    pub fn connection_limit(mut self, limit: usize) -> Self {
        self.bounds.connections = limit;
        self
    }

    /// Sets how long a caller may take to send a request's head, and then its body, ten seconds by default. A
    /// connection without a request is closed after that time too.
    #[must_use]
    pub fn read_timeout(mut self, timeout: Duration) -> Self {
        self.bounds.read_timeout = timeout;
        self
    }

    /// Writes each request for an account to an audit log, and gives no credential without.
    #[must_use]
    pub fn audit(self, log: AuditLog) -> Self {
        Self { audit: Some(log), ..self }
    }

    /// Counts in these metrics, for a [`MetricsListener`](crate::MetricsListener) to show.
    #[must_use]
    pub fn metrics(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }

    /// Sets the key of the fingerprints in the audit log and in spans. Without, they can't be compared over restarts.
    #[must_use]
    pub fn fingerprint_key(self, key: FingerprintKey) -> Self {
        Self { fingerprint_key: key, ..self }
    }

    /// The address with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is done. Then no more connections are accepted, and requests under way have ten
    /// seconds to end.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let permits = Arc::new(Semaphore::new(self.concurrency_limit));
        let service = Arc::new(Service {
            broker: self.broker,
            capabilities: self.capabilities.observed(&self.metrics),
            permits: Arc::clone(&permits),
            health_permits: Arc::new(Semaphore::new(HEALTH_RESERVE)),
            read_timeout: self.bounds.read_timeout,
            audit: self.audit,
            metrics: self.metrics.clone(),
            fingerprint_key: self.fingerprint_key,
        });
        let answer = move |peer, request| Arc::clone(&service).answer(peer, request);
        let metrics = self.metrics;
        let open = move || metrics.connection();
        let deadline = serve_connections(self.socket, self.bounds, shutdown, open, answer).await;
        // Requests whose callers have hung up go on, and are to get their lines in the audit log.
        let all = u32::try_from(self.concurrency_limit).unwrap_or(u32::MAX);
        _ = timeout_at(deadline, permits.acquire_many(all)).await;
    }
}
