//! The connection to Redis, over which all calls go at once. It is made anew when it breaks.

use crate::key_value::KeyValueError;
use crate::limits::{CALL_LIMIT, within};
use crate::open::{OpenError, prepare_tls};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{
    Client, Cmd, ErrorKind, FromRedisValue, IntoConnectionInfo, Pipeline, ProtocolVersion, RedisError,
    RedisResult, ServerErrorKind, cmd,
};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use url::Url;

/// How many calls have no answer yet. Others wait for them.
const CONCURRENCY: usize = 256;

/// After how many calls in a row without an answer another connection is tried. The present one may lead to a server that
/// hangs, or that is none any more, without having been closed.
const PATIENCE: u32 = 3;

/// How long the connection stays without an answer before the system gives it up.
const SILENCE: Duration = Duration::from_secs(10);

pub(super) struct Connection {
    client: Client,
    address: String,
    manager: Mutex<ConnectionManager>,
    /// Calls in a row without an answer.
    failures: AtomicU32,
}

/// What is sent.
pub(super) enum Request {
    Command(Cmd),
    Pipeline(Pipeline),
}

/// Whether a request may be sent again over a new connection, when the old one is found broken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Doing it twice is the same as doing it once.
    Yes,
    No,
}

impl Connection {
    pub(super) async fn open(url: &Url) -> Result<Self, OpenError> {
        prepare_tls();
        let address = format!("{}:{}", url.host_str().unwrap_or_default(), url.port().unwrap_or(6379));
        let unreachable = |reason: String| OpenError::Unreachable { address: address.clone(), reason };
        let client = client(url).map_err(|error| unreachable(describe(&error)))?;
        let connect = ConnectionManager::new_with_config(client.clone(), config());
        let manager = match tokio::time::timeout(CALL_LIMIT, connect).await {
            Ok(Ok(manager)) => manager,
            Ok(Err(error)) if is_refusal(&error) => return Err(OpenError::Refused(address)),
            Ok(Err(error)) => return Err(unreachable(describe(&error))),
            Err(_) => return Err(unreachable("it doesn't answer".to_owned())),
        };
        Ok(Self { client, address, manager: Mutex::new(manager), failures: AtomicU32::new(0) })
    }

    /// Sends a request that can be repeated.
    pub(super) async fn ask<T: FromRedisValue>(&self, request: Request) -> Result<T, KeyValueError> {
        self.send(request, Repeat::Yes).await?.map_err(|error| self.explain(&error))
    }

    /// Sends a request. The inner error is what came in place of the answer, if anything did in time.
    pub(super) async fn send<T: FromRedisValue>(
        &self,
        request: Request,
        repeat: Repeat,
    ) -> Result<RedisResult<T>, KeyValueError> {
        let answer = within(&self.address, async {
            let answer = request.send(self.manager()).await;
            match answer {
                Err(error) if error.is_connection_dropped() && repeat == Repeat::Yes => {
                    Ok(request.send(self.manager()).await)
                }
                answer => Ok(answer),
            }
        })
        .await;
        match &answer {
            Ok(Ok(_)) => self.failures.store(0, Ordering::Relaxed),
            // A server that was the first one before a failover, and is still there.
            Ok(Err(error)) if error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly) => self.renew(),
            Ok(Err(error)) if matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension) => {
                self.failures.store(0, Ordering::Relaxed);
            }
            Ok(Err(_)) | Err(_) => {
                if self.failures.fetch_add(1, Ordering::Relaxed) + 1 >= PATIENCE {
                    self.renew();
                }
            }
        }
        answer
    }

    /// What an error means to the caller.
    pub(super) fn explain(&self, error: &RedisError) -> KeyValueError {
        if is_refusal(error) {
            KeyValueError::AccessDenied
        } else {
            KeyValueError::Failed(format!("{}: {}", self.address, describe(error)))
        }
    }

    fn manager(&self) -> ConnectionManager {
        self.manager.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Leaves the connection to the calls that still wait for it, and makes another one for the next.
    fn renew(&self) {
        self.failures.store(0, Ordering::Relaxed);
        let Ok(mut manager) = ConnectionManager::new_lazy_with_config(self.client.clone(), config()) else {
            return;
        };
        *self.manager.lock().unwrap_or_else(PoisonError::into_inner) = manager.clone();
        // It would connect at the next call only, which could come long after the server is back.
        tokio::spawn(async move { cmd("PING").query_async::<String>(&mut manager).await });
    }
}

impl Request {
    async fn send<T: FromRedisValue>(&self, mut manager: ConnectionManager) -> RedisResult<T> {
        match self {
            Self::Command(command) => command.query_async(&mut manager).await,
            Self::Pipeline(pipeline) => pipeline.query_async(&mut manager).await,
        }
    }
}

fn client(url: &Url) -> RedisResult<Client> {
    let info = url.clone().into_connection_info()?;
    // In the third protocol the server's end of the connection is noticed without a call.
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let keepalive = TcpKeepalive::new().with_time(SILENCE / 2).with_interval(SILENCE / 2);
    // What a connection that is given up hasn't sent yet must not arrive after what the next one has written.
    let linger = Duration::ZERO;
    let tcp = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive).set_linger_time(linger);
    #[cfg(target_os = "linux")]
    let tcp = tcp.set_user_timeout(SILENCE);
    Client::open(info.set_redis_settings(settings).set_tcp_settings(tcp))
}

/// A call is told soon that the server is away: the connection is tried twice, about a tenth of a second apart.
fn config() -> ConnectionManagerConfig {
    ConnectionManagerConfig::new()
        .set_connection_timeout(Some(CALL_LIMIT / 2))
        .set_response_timeout(Some(CALL_LIMIT))
        .set_number_of_retries(1)
        .set_min_delay(Duration::from_millis(100))
        .set_concurrency_limit(CONCURRENCY)
}

/// The server doesn't know the user and password, or doesn't allow the user what was asked for.
fn is_refusal(error: &RedisError) -> bool {
    let code = matches!(error.code(), Some("NOAUTH" | "NOPERM" | "WRONGPASS"));
    code || error.kind() == ErrorKind::AuthenticationFailed
}

/// The server's own words are left out, but for the code that they begin with: they can repeat what was sent.
fn describe(error: &RedisError) -> String {
    match (error.code(), error.kind()) {
        (Some(code), _) => format!("Redis answers {code}"),
        (None, ErrorKind::Io) => error.to_string(),
        (None, _) => error.category().to_owned(),
    }
}
