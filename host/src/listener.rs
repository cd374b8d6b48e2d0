//! What listens in front of the HTTP broker: HTTP/1.1, one instance for each request, and bounds on what
//! callers can take up.

use crate::{Broker, Capabilities};
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use serde_json::json;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How many requests are answered at the same time, unless [`Listener::concurrency_limit`] says otherwise. It
/// is half of what the engine's pool holds: an instance outlives its answer by a moment.
const CONCURRENCY_LIMIT: usize = 128;

/// How long a caller may take to send a request's head, and then its body. A connection without a request is
/// closed after that time too.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// How much of a request's head is kept in memory, in bytes.
const HEAD_LIMIT: usize = 32 << 10;

/// How much of a request's body is kept in memory, in bytes. The broker itself takes less.
const BODY_LIMIT: usize = 64 << 10;

/// How long requests under way may take once the listener shuts down.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait before the next connection is accepted, when none could be: most likely there are too many
/// open files, and trying again at once would not help.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A server for the HTTP broker.
///
/// ```no_run
/// # async fn listen(capabilities: credwell_host::Capabilities) -> anyhow::Result<()> {
/// use credwell_host::{Broker, Flavour, Listener};
///
/// let broker = Broker::new(Flavour::Wasmtime)?;
/// let listener = Listener::bind("127.0.0.1:8080", broker, capabilities).await?;
/// println!("listening on http://{}", listener.address());
/// listener.serve(async { _ = tokio::time::sleep(std::time::Duration::from_secs(3_600)).await }).await;
/// # Ok(())
/// # }
/// ```
///
/// It speaks no TLS: anywhere but on the loopback, something that does has to stand in front of it.
///
/// Requests beyond the concurrency limit are answered 503 at once, in place of a queue that would only grow.
/// What an instance fails with goes to the standard error, and its caller is told no more than that it failed.
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    broker: Broker,
    capabilities: Capabilities,
    concurrency_limit: usize,
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
        let address = socket.local_addr()?;
        Ok(Self { socket, address, broker, capabilities, concurrency_limit: CONCURRENCY_LIMIT })
    }

    /// Sets how many requests are answered at the same time. More than 128 can use up the engine's pool.
    #[must_use]
    pub fn concurrency_limit(self, limit: usize) -> Self {
        Self { concurrency_limit: limit, ..self }
    }

    /// The address with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is done. Then no more connections are accepted, and requests under way have ten
    /// seconds to end.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let service = Arc::new(Service {
            broker: self.broker,
            capabilities: self.capabilities,
            instances: Arc::new(Semaphore::new(self.concurrency_limit)),
        });
        let mut server = http1::Builder::new();
        server.timer(TokioTimer::new()).header_read_timeout(READ_TIMEOUT).max_buf_size(HEAD_LIMIT);

        let graceful = GracefulShutdown::new();
        // Dropped with this future, and the open connections with it.
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                accepted = self.socket.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else {
                sleep(ACCEPT_PAUSE).await;
                continue;
            };
            // An answer is written in one piece: there is nothing to wait for.
            _ = stream.set_nodelay(true);
            let service = Arc::clone(&service);
            let answer = service_fn(move |request| Arc::clone(&service).answer(request));
            let connection = server.serve_connection(TokioIo::new(stream), answer);
            let connection = graceful.watch(connection);
            // A caller that hangs up early is no failure of the server.
            connections.spawn(async move { _ = connection.await });
            while connections.try_join_next().is_some() {}
        }
        drop(self.socket);
        _ = timeout(SHUTDOWN_TIMEOUT, graceful.shutdown()).await;
    }
}

/// What all connections share.
struct Service {
    broker: Broker,
    capabilities: Capabilities,
    instances: Arc<Semaphore>,
}

type Answer = Response<Full<Bytes>>;

impl Service {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Answer, Infallible> {
        Ok(match whole(request).await {
            Ok(request) => self.ask(request).await,
            Err(refusal) => refusal,
        })
    }

    /// Asks the broker, in a task of its own: a caller that hangs up doesn't end the instance, which goes on to
    /// fill the cache, so it counts until it has ended.
    async fn ask(self: Arc<Self>, request: Request<Full<Bytes>>) -> Answer {
        let Ok(permit) = Arc::clone(&self.instances).try_acquire_owned() else {
            let detail = "too many requests are under way: send this one again later";
            let mut answer = problem(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail);
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            return answer;
        };
        let instance = tokio::spawn(async move {
            let _permit = permit;
            let request = request.map(|body| body.map_err(|never| match never {}));
            let (head, body) = self.broker.handle(&self.capabilities, request).await?.into_parts();
            // In one piece: a caller that reads slowly keeps no instance, and one that fails halfway gives 500.
            let body = body.collect().await?.to_bytes();
            anyhow::Ok(Response::from_parts(head, Full::new(body)))
        });
        let answer = instance.await.map_err(anyhow::Error::from).flatten();
        answer.unwrap_or_else(|error| {
            eprintln!("credwell: an instance of the broker failed: {error:#}");
            let detail = "the broker failed: its operator finds the reason on its standard error";
            problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
        })
    }
}

/// Reads a request to its end before an instance is started for it.
async fn whole(request: Request<Incoming>) -> Result<Request<Full<Bytes>>, Answer> {
    let (head, body) = request.into_parts();
    let has_host = head.headers.get(header::HOST).is_some_and(|host| host.to_str().is_ok());
    if head.uri.authority().is_none() && !has_host {
        // RFC 9112, section 3.2.
        return Err(problem(StatusCode::BAD_REQUEST, "malformed-request", "send the header Host"));
    }
    let too_large = || problem(StatusCode::PAYLOAD_TOO_LARGE, "request-too-large", "send less than 16 KiB");
    if body.size_hint().lower() > BODY_LIMIT as u64 {
        // The caller has said so: there is no need to wait for the body.
        return Err(too_large());
    }
    match timeout(READ_TIMEOUT, Limited::new(body, BODY_LIMIT).collect()).await {
        Ok(Ok(body)) => Ok(Request::from_parts(head, Full::new(body.to_bytes()))),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(problem(StatusCode::BAD_REQUEST, "malformed-request", "the body broke off")),
        Err(_elapsed) => {
            Err(problem(StatusCode::REQUEST_TIMEOUT, "request-timed-out", "send the body within 10 seconds"))
        }
    }
}

/// A problem document (RFC 9457) like the broker's own.
fn problem(status: StatusCode, code: &str, detail: &str) -> Answer {
    let document = json!({
        "type": format!("urn:credwell:problem:{code}"),
        "title": code,
        "status": status.as_u16(),
        "detail": detail,
    });
    let mut answer = Response::new(Full::new(Bytes::from(document.to_string())));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
