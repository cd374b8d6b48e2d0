//! The connection to a Redis or Valkey server. All concurrent calls share it. It is replaced when it breaks.

use crate::key_value::KeyValueError;
use crate::limits::{CALL_LIMIT, within_call_limit};
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

/// The maximum number of calls that wait for a reply. Further calls wait until one of them has its reply.
const CONCURRENCY: usize = 256;

/// The number of consecutive calls without a reply after which the connection is replaced. The server may
/// hang, or may have gone without closing the connection.
const MAXIMUM_UNANSWERED: u32 = 3;

/// How long the server's machine may stay silent before the operating system closes the connection.
const PEER_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) struct Connection {
    client: Client,
    address: String,
    manager: Mutex<ConnectionManager>,
    /// The number of consecutive calls without a reply.
    unanswered: AtomicU32,
}

/// What a call sends.
pub(super) enum Request {
    Command(Cmd),
    Pipeline(Pipeline),
}

/// Whether a request may be sent a second time over a new connection, after the old one broke.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Resend {
    /// The request is idempotent.
    Once,
    Never,
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
            Err(_) => return Err(unreachable("the server doesn't answer".to_owned())),
        };
        Ok(Self { client, address, manager: Mutex::new(manager), unanswered: AtomicU32::new(0) })
    }

    /// Sends an idempotent request.
    pub(super) async fn send_idempotent<T: FromRedisValue>(
        &self,
        request: Request,
    ) -> Result<T, KeyValueError> {
        self.send(request, Resend::Once).await?.map_err(|error| self.explain(&error))
    }

    /// Sends a request. The outer error is the call's time limit. The inner error is the server's or the
    /// connection's.
    pub(super) async fn send<T: FromRedisValue>(
        &self,
        request: Request,
        resend: Resend,
    ) -> Result<RedisResult<T>, KeyValueError> {
        let reply = within_call_limit(&self.address, async {
            let reply = request.send(self.manager()).await;
            match reply {
                Err(error) if error.is_connection_dropped() && resend == Resend::Once => {
                    Ok(request.send(self.manager()).await)
                }
                reply => Ok(reply),
            }
        })
        .await;
        match &reply {
            Ok(Ok(_)) => self.unanswered.store(0, Ordering::Relaxed),
            // The server was the primary before a failover, and is a replica now.
            Ok(Err(error)) if error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly) => self.renew(),
            Ok(Err(error)) if matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension) => {
                self.unanswered.store(0, Ordering::Relaxed);
            }
            Ok(Err(_)) | Err(_) => {
                if self.unanswered.fetch_add(1, Ordering::Relaxed) + 1 >= MAXIMUM_UNANSWERED {
                    self.renew();
                }
            }
        }
        reply
    }

    /// The error for the caller.
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

    /// Replaces the connection for later calls. Calls that wait for a reply keep the old one.
    fn renew(&self) {
        self.unanswered.store(0, Ordering::Relaxed);
        let Ok(mut manager) = ConnectionManager::new_lazy_with_config(self.client.clone(), config()) else {
            return;
        };
        *self.manager.lock().unwrap_or_else(PoisonError::into_inner) = manager.clone();
        // Connects now. Otherwise the connection would be opened by the next call only.
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
    // In RESP3 the client notices without a call that the server has closed the connection.
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let keepalive = TcpKeepalive::new().with_time(PEER_TIMEOUT / 2).with_interval(PEER_TIMEOUT / 2);
    // Closing discards unsent data. Otherwise an old connection's write could arrive after one of the next
    // connection.
    let linger = Duration::ZERO;
    let tcp = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive).set_linger_time(linger);
    #[cfg(target_os = "linux")]
    let tcp = tcp.set_user_timeout(PEER_TIMEOUT);
    Client::open(info.set_redis_settings(settings).set_tcp_settings(tcp))
}

/// The client tries to connect twice, about 100 ms apart, so that calls fail soon while the server is down.
fn config() -> ConnectionManagerConfig {
    ConnectionManagerConfig::new()
        .set_connection_timeout(Some(CALL_LIMIT / 2))
        .set_response_timeout(Some(CALL_LIMIT))
        .set_number_of_retries(1)
        .set_min_delay(Duration::from_millis(100))
        .set_concurrency_limit(CONCURRENCY)
}

/// Whether the server rejects the user and password, or denies the user this command.
fn is_refusal(error: &RedisError) -> bool {
    let code = matches!(error.code(), Some("NOAUTH" | "NOPERM" | "WRONGPASS"));
    code || error.kind() == ErrorKind::AuthenticationFailed
}

/// The error's text, with no more of the server's own text than the code at its beginning: the rest can
/// repeat what was sent.
fn describe(error: &RedisError) -> String {
    match (error.code(), error.kind()) {
        (Some(code), _) => format!("Redis answers {code}"),
        (None, ErrorKind::Io) => error.to_string(),
        (None, _) => error.category().to_owned(),
    }
}
