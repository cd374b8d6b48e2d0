//! The listener: an HTTP/1.1 server in front of the broker, with limits on what its callers can use.

mod buffer;
mod connections;
mod request_id;
mod request_log;
mod response;
mod service;

pub(crate) use connections::{ConnectionLimits, serve_connections};
pub(crate) use response::{BufferedResponse, empty};

use crate::{AuditLog, Broker, Capabilities, FingerprintKey, Metrics};
use service::Service;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::sync::Semaphore;
use tokio::time::timeout_at;

/// The default of [`Listener::concurrency_limit`]. It is half of [`INSTANCE_LIMIT`](crate::INSTANCE_LIMIT),
/// because an instance ends a moment after its response.
const CONCURRENCY_LIMIT: usize = 128;

/// The number of requests for `/healthz` that are answered beyond the concurrency limit, so that a supervisor
/// does not restart a process that is only busy.
const HEALTH_RESERVE: usize = 8;

/// The default of [`Listener::connection_limit`].
const CONNECTION_LIMIT: usize = 1024;

/// The default of [`Listener::read_timeout`].
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// An HTTP/1.1 server for the broker. [The crate's tutorial](crate#serve-the-broker) starts one.
///
/// The listener has no TLS. Outside of the loopback, it needs a proxy with TLS in front.
///
/// Requests beyond the concurrency limit are answered 503 at once, so no queue grows. Eight requests for
/// `/healthz` are answered beyond the limit. The error of an instance is an event of `tracing`, and the
/// caller learns only that the broker failed.
///
/// Each response has the header `x-request-id`. Its value is the request's own `x-request-id` if that has at
/// most 64 visible ASCII characters, and is random otherwise. Logs contain the value, so callers must not
/// send a secret in it.
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    broker: Broker,
    capabilities: Capabilities,
    concurrency_limit: usize,
    limits: ConnectionLimits,
    audit: Option<AuditLog>,
    metrics: Metrics,
    fingerprint_key: FingerprintKey,
}

impl Listener {
    /// Listens on an address. Port 0 is replaced by a free port.
    ///
    /// # Errors
    ///
    /// The address is in use or does not belong to this machine.
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
            limits: ConnectionLimits { connections: CONNECTION_LIMIT, read_timeout: READ_TIMEOUT },
            audit: None,
            metrics: Metrics::new(),
            fingerprint_key: FingerprintKey::random(),
        })
    }

    /// Sets the largest number of requests that are answered at the same time, 128 by default. The broker
    /// runs at most [`INSTANCE_LIMIT`](crate::INSTANCE_LIMIT) instances at once. With a larger limit,
    /// requests wait for the end of an instance.
    #[must_use]
    pub fn concurrency_limit(self, limit: usize) -> Self {
        Self { concurrency_limit: limit, ..self }
    }

    /// Sets the largest number of open connections, 1024 by default. Further connections wait until one is
    /// closed.
    #[must_use]
    pub fn connection_limit(mut self, limit: usize) -> Self {
        self.limits.connections = limit;
        self
    }

    /// Sets the time limit for receiving a request's head and, separately, its body. The default is ten
    /// seconds. A connection without a request is closed after this time too.
    #[must_use]
    pub fn read_timeout(mut self, timeout: Duration) -> Self {
        self.limits.read_timeout = timeout;
        self
    }

    /// Writes each request for an account to an audit log. No credentials leave without a line there. By
    /// default, there is no audit log.
    #[must_use]
    pub fn audit(self, log: AuditLog) -> Self {
        Self { audit: Some(log), ..self }
    }

    /// Counts in these metrics, which a [`MetricsListener`](crate::MetricsListener) can serve.
    #[must_use]
    pub fn metrics(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }

    /// Sets the key of the fingerprints in the audit log and in spans. The default is a random key, and then
    /// the fingerprints of two runs can't be compared.
    #[must_use]
    pub fn fingerprint_key(self, key: FingerprintKey) -> Self {
        Self { fingerprint_key: key, ..self }
    }

    /// The address of the listener, with the real port instead of 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` completes. Then the listener accepts no more connections, and requests in
    /// flight have ten seconds to end.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let permits = Arc::new(Semaphore::new(self.concurrency_limit));
        let service = Arc::new(Service {
            broker: self.broker,
            capabilities: self.capabilities.observed(&self.metrics),
            permits: Arc::clone(&permits),
            health_permits: Arc::new(Semaphore::new(HEALTH_RESERVE)),
            read_timeout: self.limits.read_timeout,
            audit: self.audit,
            metrics: self.metrics.clone(),
            fingerprint_key: self.fingerprint_key,
        });
        let respond = move |peer, request| Arc::clone(&service).respond(peer, request);
        let metrics = self.metrics;
        let guard = move || metrics.open_connection();
        let deadline = serve_connections(self.socket, self.limits, shutdown, guard, respond).await;
        // Requests whose callers have closed the connection are still in flight. They get their lines in the
        // audit log before this function returns.
        let all = u32::try_from(self.concurrency_limit).unwrap_or(u32::MAX);
        _ = timeout_at(deadline, permits.acquire_many(all)).await;
    }
}
