//! The connection to a NATS server. The client reconnects by itself, and discovers a cluster's other servers.

use crate::limits::CALL_LIMIT;
use crate::open::{OpenError, prepare_tls};
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

/// The host and port of a URL. The default port is 4222.
pub(super) fn address(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port().unwrap_or(4222))
}

pub(super) async fn open(url: &Url, address: &str) -> Result<Client, OpenError> {
    prepare_tls();
    let unreachable = |reason: String| OpenError::Unreachable { address: address.to_owned(), reason };
    // The client logs the server's URL, so that URL must not hold the user and password.
    let mut server = url.clone();
    _ = server.set_username("");
    _ = server.set_password(None);
    let server = ServerAddr::from_url(server).map_err(|error| unreachable(error.to_string()))?;
    let connect = options(url).connect(server);
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

fn options(url: &Url) -> ConnectOptions {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let options = match (decode(url.username()), url.password().map(decode)) {
        (user, Some(password)) => ConnectOptions::with_user_and_password(user, password),
        (token, None) if !token.is_empty() => ConnectOptions::with_token(token),
        _ => ConnectOptions::new(),
    };
    options
        .name("credwell")
        .connection_timeout(CALL_LIMIT)
        .request_timeout(Some(CALL_LIMIT))
        .ping_interval(PING)
        .client_capacity(QUEUE)
        .reconnect_delay_callback(|attempts| match attempts {
            0 | 1 => Duration::ZERO,
            _ => RECONNECT.mul_f64(0.5 + 0.5 * fastrand::f64()),
        })
}
