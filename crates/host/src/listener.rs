//! The listener: an HTTP/1.1 server in front of the broker, with limits on what its callers can use.

mod buffer;
mod connections;
mod open_connections;
mod request_id;
mod request_log;
mod response;
mod service;
mod timed_writes;

pub(crate) use connections::{ConnectionLimits, serve_connections};
pub(crate) use response::{BufferedResponse, empty};

use crate::request_permits::RequestPermits;
use crate::{AuditLog, Broker, Capabilities, FingerprintKey, INSTANCE_LIMIT, Metrics, flush_log};
use service::Service;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::time::timeout_at;

/// The default of [`Listener::concurrency_limit`].
const CONCURRENCY_LIMIT: usize = INSTANCE_LIMIT as usize;

/// The default of [`Listener::connection_limit`].
pub const CONNECTION_LIMIT: usize = 1024;

/// The default of [`Listener::connections_per_peer`].
const CONNECTIONS_PER_PEER: usize = CONNECTION_LIMIT / 4;

/// The default of [`Listener::read_timeout`].
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// The default of [`Listener::write_timeout`].
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// An HTTP/1.1 server for the broker. [The crate's tutorial](crate#serve-the-broker) starts one.
///
/// The listener has no TLS. Outside of the loopback, it needs a proxy with TLS in front.
///
/// A request holds a permit until its instance has ended. [`Listener::concurrency_limit`] is the number of
/// permits. A request that gets no permit within a tenth of a second is answered 503, so no long queue
/// grows.
///
/// A request that begins to wait for the upstream, or for another request, counts as waiting until its end.
/// At most seven of eight permits are for requests that wait. So an upstream that stalls does not keep the
/// broker from answering from its cache. Beyond that, the broker answers from its cache if it can, and the
/// response is 503 if it can't.
///
/// The listener itself answers requests for `/healthz`, without an instance and without a permit. The error
/// of an instance is an event of `tracing`, and the caller learns only that the broker failed.
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
            limits: ConnectionLimits {
                connections: CONNECTION_LIMIT,
                connections_per_peer: CONNECTIONS_PER_PEER,
                read_timeout: READ_TIMEOUT,
                write_timeout: WRITE_TIMEOUT,
            },
            audit: None,
            metrics: Metrics::new(),
            fingerprint_key: FingerprintKey::random(),
        })
    }

    /// Sets the largest number of requests that are answered at the same time, [`INSTANCE_LIMIT`] by default.
    /// The broker runs no more instances at once. With a larger limit, requests wait for the end of an
    /// instance.
    #[must_use]
    pub fn concurrency_limit(self, limit: usize) -> Self {
        Self { concurrency_limit: limit, ..self }
    }

    /// Sets the largest number of open connections, [`CONNECTION_LIMIT`] by default. A further connection
    /// replaces one whose peer has stopped reading, or one of a peer with at least two connections more.
    /// Otherwise it waits until a connection is closed.
    #[must_use]
    pub fn connection_limit(mut self, limit: usize) -> Self {
        self.limits.connections = limit;
        self
    }

    /// Sets the largest number of open connections of one peer, 256 by default. A peer is an IPv4 address or
    /// an IPv6 network with a prefix of 64 bits, the loopback included. Behind a proxy, all callers have the
    /// proxy's address.
    ///
    /// A further connection of the peer replaces the one that was used the longest ago. It is closed at once
    /// if requests need all of the others.
    #[must_use]
    pub fn connections_per_peer(mut self, limit: usize) -> Self {
        self.limits.connections_per_peer = limit;
        self
    }

    /// Sets the time limit for receiving a request's head and, separately, its body. The default is ten
    /// seconds. A connection without a request is closed after this time too.
    #[must_use]
    pub fn read_timeout(mut self, timeout: Duration) -> Self {
        self.limits.read_timeout = timeout;
        self
    }

    /// Sets the time after which a connection is closed if its peer takes nothing of a response. The default
    /// is ten seconds.
    #[must_use]
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.limits.write_timeout = timeout;
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
        let permits = RequestPermits::new(self.concurrency_limit, self.broker.room(), self.metrics.clone());
        let service = Arc::new(Service {
            broker: self.broker,
            capabilities: self.capabilities.observed(&self.metrics),
            permits,
            read_timeout: self.limits.read_timeout,
            audit: self.audit,
            metrics: self.metrics.clone(),
            fingerprint_key: self.fingerprint_key,
        });
        let answering = Arc::clone(&service);
        let respond = move |connection, request| Arc::clone(&answering).respond(connection, request);
        let deadline =
            serve_connections(self.socket, self.limits, shutdown, Some(self.metrics), respond).await;
        // Requests whose callers have closed the connection are still in flight, and instances log and count
        // after their responses. All of it is done before this function returns.
        _ = timeout_at(deadline, service.permits.all_free()).await;
        _ = tokio::task::spawn_blocking(flush_log).await;
    }
}
