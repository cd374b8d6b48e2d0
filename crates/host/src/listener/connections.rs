//! Connections over HTTP/1.1, and bounds on them.

use super::BufferedResponse;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::warn;

/// How much of a request's head is kept in memory, in bytes.
const HEAD_LIMIT: usize = 32 << 10;

/// How long requests under way may take once a listener shuts down.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait before the next connection is accepted, when none could be: most likely there are too many
/// open files, and trying again at once would not help.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What callers can take up at most.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// How many connections are open at the same time.
    pub connections: usize,
    /// How long the head of a request may take, and the wait for it.
    pub read_timeout: Duration,
}

/// Answers what comes over a socket's connections, until `shutdown` is done and requests under way have ended. What
/// `open` gives is kept for as long as a connection is open. Gives the time by which requests have to have ended.
pub(crate) async fn serve_connections<Answering, Open>(
    socket: TcpListener,
    bounds: Bounds,
    shutdown: impl Future<Output = ()>,
    open: impl Fn() -> Open,
    answer: impl Fn(SocketAddr, Request<Incoming>) -> Answering + Clone + Send + 'static,
) -> Instant
where
    Answering: Future<Output = BufferedResponse> + Send + 'static,
    Open: Send + 'static,
{
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(bounds.read_timeout).max_buf_size(HEAD_LIMIT);
    let permits = Arc::new(Semaphore::new(bounds.connections));
    let graceful = GracefulShutdown::new();
    // Dropped with this future, and the open connections with it.
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let next = async {
            let permit = Arc::clone(&permits).acquire_owned().await;
            (permit, socket.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            () = &mut shutdown => break,
            next = next => next,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "no connection could be accepted");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // An answer is written in one piece: there is nothing to wait for.
        _ = stream.set_nodelay(true);
        let answer = answer.clone();
        let service = service_fn(move |request| {
            let answer = answer(peer, request);
            async move { Ok::<_, Infallible>(answer.await) }
        });
        let connection = graceful.watch(server.serve_connection(TokioIo::new(stream), service));
        let kept = (permit, open());
        connections.spawn(async move {
            let _kept = kept;
            // A caller that hangs up early is no failure of the server.
            _ = connection.await;
        });
        while connections.try_join_next().is_some() {}
    }
    drop(socket);
    let deadline = Instant::now() + SHUTDOWN_TIMEOUT;
    _ = timeout_at(deadline, graceful.shutdown()).await;
    deadline
}
