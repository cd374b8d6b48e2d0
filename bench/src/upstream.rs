//! The upstream of the load test: a server that has an account for every id.
//!
//! An id `apn_s2048x…` has a document of 2,048 bytes, and every other id one of [`BODY_BYTES`]. A request
//! with another API key than [`API_KEY`] is refused with 401.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use chrono::{SecondsFormat, TimeDelta, Utc};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The upstream's delay before each response. The timer's granularity adds up to a millisecond.
pub const LATENCY: Duration = Duration::from_millis(20);

/// The usual length of a response's body, in bytes: an account with a long access token.
pub const BODY_BYTES: usize = 1024;

/// The API key that the upstream accepts.
pub const API_KEY: &str = "pd_bench_api_key_0f4c1d9a7e2b";

/// The validity of the credentials: longer than a run.
const VALIDITY: TimeDelta = TimeDelta::hours(6);

/// A running upstream on a free port of 127.0.0.1. It stops when it is dropped.
pub struct Upstream {
    address: SocketAddr,
    requests: Arc<AtomicU64>,
    server: JoinHandle<()>,
}

impl Upstream {
    /// Starts the upstream.
    ///
    /// # Errors
    ///
    /// No port is free.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let requests = Arc::<AtomicU64>::default();
        let path = "/v1/accounts/{id}/credentials";
        let router = Router::new().route(path, get(account)).with_state(Arc::clone(&requests));
        let listener = listener.tap_io(|stream| _ = stream.set_nodelay(true));
        let server = tokio::spawn(async move { _ = axum::serve(listener, router).await });
        Ok(Self { address, requests, server })
    }

    /// The upstream's URL, without a slash at its end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The number of requests so far.
    pub fn count(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn account(
    State(requests): State<Arc<AtomicU64>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let number = requests.fetch_add(1, Ordering::Relaxed);
    tokio::time::sleep(LATENCY).await;
    let key = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if key.and_then(|key| key.strip_prefix("Bearer ")) != Some(API_KEY) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    ([(CONTENT_TYPE, "application/json")], document(&id, body_bytes(&id), number)).into_response()
}

/// The length of an account's document, which its id may name.
fn body_bytes(id: &str) -> usize {
    let named = id.strip_prefix("apn_s").and_then(|rest| rest.split_once('x'));
    named.and_then(|(bytes, _)| bytes.parse().ok()).unwrap_or(BODY_BYTES)
}

/// The document of an account. The access token is padded so that the document has `bytes` bytes. A document
/// of fewer bytes than [`BODY_BYTES`] has only the fields that the component needs.
pub fn document(id: &str, bytes: usize, number: u64) -> String {
    let now = Utc::now();
    let time = |after: TimeDelta| (now + after).to_rfc3339_opts(SecondsFormat::Millis, true);
    let mut text = format!(r#"{{"data":{{"id":"{id}","expires_at":"{}","#, time(VALIDITY));
    if bytes >= BODY_BYTES {
        let (now, refresh) = (time(TimeDelta::zero()), time(VALIDITY - TimeDelta::minutes(45)));
        text += &format!(
            r#""name":"someone@example.com","external_id":"user-{number}","healthy":true,"dead":false,"error":null,"#
        );
        text += r#""app":{"id":"app_168hvn","name":"Google Sheets","name_slug":"google_sheets","auth_type":"oauth","categories":["Productivity"]},"#;
        text += &format!(
            r#""created_at":"2026-01-01T00:00:00.000Z","updated_at":"{now}","next_refresh_at":"{refresh}","last_refreshed_at":"{now}","#
        );
        text += r#""credentials":{"oauth_client_id":"000000000000-sample.apps.example.com","oauth_uid":"100000000000000000000","oauth_access_token":""#;
    } else {
        text += r#""credentials":{"oauth_access_token":""#;
    }
    const END: &str = "\"}}}";
    let width = bytes.saturating_sub(text.len() + END.len());
    text += &format!("{number:0>width$x}");
    text + END
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_has_the_length_of_its_id_and_a_token_of_its_own() {
        let token = |text: &str| {
            let value: serde_json::Value = serde_json::from_str(text).expect("it is JSON");
            value["data"]["credentials"]["oauth_access_token"].as_str().expect("a text").to_owned()
        };
        for (id, bytes) in
            [("apn_w1", 1024), ("apn_m1x2x345678", 1024), ("apn_s200x1", 200), ("apn_s65536xw9", 65_536)]
        {
            assert_eq!(body_bytes(id), bytes, "{id}");
            let (one, other) = (document(id, bytes, 1), document(id, bytes, 4_000_000));
            assert_eq!((one.len(), other.len()), (bytes, bytes), "{id}");
            assert!(token(&one).len() > 50, "{id}");
            assert_ne!(token(&one), token(&other));
        }
    }
}
