//! The connection to NATS. The client makes it anew by itself when it breaks, and finds a cluster's other servers.

use crate::limits::CALL_LIMIT;
use crate::open::{OpenError, prepare_tls};
use async_nats::{Client, ConnectErrorKind, ConnectOptions, ServerAddr};
use percent_encoding::percent_decode_str;
use std::time::Duration;
use url::Url;

/// How often the server is asked whether it is there, while nothing else is. Two times without an answer, and the
/// connection is made anew.
const PING: Duration = Duration::from_secs(2);

/// The longest time between two attempts to connect.
const RECONNECT: Duration = Duration::from_millis(500);

/// How many requests wait to be sent. Others wait for them.
const QUEUE: usize = 256;

/// Host and port.
pub(super) fn address(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port().unwrap_or(4222))
}

pub(super) async fn open(url: &Url, address: &str) -> Result<Client, OpenError> {
    prepare_tls();
    let unreachable = |reason: String| OpenError::Unreachable { address: address.to_owned(), reason };
    // The client's own log has the URL.
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
        Err(_) => Err(unreachable("it doesn't answer".to_owned())),
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
