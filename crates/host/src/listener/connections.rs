//! The connections of a server over HTTP/1.1, and the limits on them.

use super::BufferedResponse;
use super::open_connections::{Connection, OpenConnections};
use super::timed_writes::TimedWrites;
use crate::Metrics;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::warn;

/// The largest head of a request, in bytes.
const HEAD_LIMIT: usize = 32 << 10;

/// The time that requests in flight have to end once a listener shuts down.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// The pause after a connection that could not be accepted. The process most likely has too many open files,
/// so another try at once would fail too.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The limits on what callers can use.
#[derive(Clone, Copy)]
pub(crate) struct ConnectionLimits {
    /// The largest number of open connections.
    pub connections: usize,
    /// The largest number of open connections of one peer.
    pub connections_per_peer: usize,
    /// The time limit for receiving the head of a request. It starts when the connection is ready for a
    /// request.
    pub read_timeout: Duration,
    /// The time limit for a write without progress. Then the connection is closed.
    pub write_timeout: Duration,
}

/// Serves the connections of a socket until `shutdown` completes and the requests in flight have ended.
///
/// The connections are counted in `metrics`. The result is the deadline for requests in flight,
/// [`SHUTDOWN_TIMEOUT`] after `shutdown` has completed.
pub(crate) async fn serve_connections<Responding>(
    socket: TcpListener,
    limits: ConnectionLimits,
    shutdown: impl Future<Output = ()>,
    metrics: Option<Metrics>,
    respond: impl Fn(Connection, Request<Incoming>) -> Responding + Clone + Send + 'static,
) -> Instant
where
    Responding: Future<Output = BufferedResponse> + Send + 'static,
{
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(limits.read_timeout).max_buf_size(HEAD_LIMIT);
    let open = OpenConnections::new(limits, metrics.clone());
    let graceful = GracefulShutdown::new();
    // Dropping this set closes the connections that are still open.
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let next = async {
            let (stream, peer) = socket.accept().await?;
            Ok((stream, open.admit(peer).await))
        };
        let next = tokio::select! {
            () = &mut shutdown => break,
            next = next => next,
        };
        let (stream, admitted) = match next {
            Ok((stream, Some(admitted))) => (stream, admitted),
            Ok((_, None)) => continue,
            Err(error) => {
                let error: std::io::Error = error;
                warn!(%error, "no connection could be accepted");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // A response is one write, so Nagle's algorithm would only delay it.
        _ = stream.set_nodelay(true);
        let (respond, connection) = (respond.clone(), admitted.connection.clone());
        let stream = TimedWrites::new(stream, limits.write_timeout, connection.clone());
        let service = service_fn(move |request| {
            let response = respond(connection.clone(), request);
            async move { Ok::<_, Infallible>(response.await) }
        });
        let connection = graceful.watch(server.serve_connection(TokioIo::new(stream), service));
        let counted = metrics.as_ref().map(Metrics::open_connection);
        connections.spawn(async move {
            let _counted = counted;
            tokio::select! {
                // A caller that closes the connection early is not an error of the server.
                _ = connection => {}
                () = admitted.replaced() => {}
            }
        });
        while connections.try_join_next().is_some() {}
    }
    drop(socket);
    let deadline = Instant::now() + SHUTDOWN_TIMEOUT;
    _ = timeout_at(deadline, graceful.shutdown()).await;
    deadline
}
