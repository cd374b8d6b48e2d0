//! The connection to a NATS server. The client reconnects by itself, to the servers of the store's URL and to
//! no others.

use crate::limits::CALL_LIMIT;
use crate::open::{OpenError, prepare_tls};
use crate::store_url::{NatsServers, without_user};
use async_nats::{Client, ConnectErrorKind, ConnectOptions, ServerAddr};
use percent_encoding::percent_decode_str;
use std::time::Duration;
use url::Url;

/// The period of pings on an idle connection. The client reconnects after two pings without an answer.
const PING: Duration = Duration::from_secs(2);

/// The longest time between two attempts to connect.
const RECONNECT: Duration = Duration::from_millis(500);

/// The capacity of the queue of unsent requests. A call waits while the queue is full.
const QUEUE: usize = 256;

/// The host and port of each server. The default port is 4222.
pub(super) fn address(servers: &NatsServers) -> String {
    let address =
        |url: &Url| format!("{}:{}", url.host_str().unwrap_or_default(), url.port().unwrap_or(4222));
    servers.all().map(address).collect::<Vec<_>>().join(", ")
}

pub(super) async fn open(servers: &NatsServers, address: &str) -> Result<Client, OpenError> {
    prepare_tls();
    let unreachable = |reason: String| OpenError::Unreachable { address: address.to_owned(), reason };
    // The client logs the servers' URLs, so these must not hold the user and password.
    let addresses = servers.all().map(|url| ServerAddr::from_url(without_user(url)));
    let addresses: Vec<_> =
        addresses.collect::<Result<_, _>>().map_err(|error| unreachable(error.to_string()))?;
    let connect = options(servers.first()).connect(addresses);
    match tokio::time::timeout(CALL_LIMIT, connect).await {
        Ok(Ok(client)) => Ok(client),
        Ok(Err(error)) => match error.kind() {
            ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
                Err(OpenError::Refused(address.to_owned()))
            }
            _ => Err(unreachable(error.to_string())),
        },
        Err(_) => Err(unreachable("the server doesn't answer".to_owned())),
    }
}

/// The options for servers with the scheme, user and password of this URL.
fn options(url: &Url) -> ConnectOptions {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let options = match (decode(url.username()), url.password().map(decode)) {
        (user, Some(password)) => ConnectOptions::with_user_and_password(user, password),
        (token, None) if !token.is_empty() => ConnectOptions::with_token(token),
        _ => ConnectOptions::new(),
    };
    options
        .name("credwell")
        .require_tls(url.scheme() == "tls")
        // A server tells the addresses of its cluster before the handshake of TLS, and the client would
        // connect to these without TLS.
        .ignore_discovered_servers()
        .connection_timeout(CALL_LIMIT)
        .request_timeout(Some(CALL_LIMIT))
        .ping_interval(PING)
        .client_capacity(QUEUE)
        .reconnect_delay_callback(|attempts| match attempts {
            0 | 1 => Duration::ZERO,
            _ => RECONNECT.mul_f64(0.5 + 0.5 * fastrand::f64()),
        })
}
