//! The upstream of the load test: a server that has an account for every id.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use chrono::{SecondsFormat, TimeDelta, Utc};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The upstream's delay before each response. The timer's granularity adds up to a millisecond.
pub const LATENCY: Duration = Duration::from_millis(20);

/// The length of each response's body, in bytes: an account with a long access token.
pub const BODY_BYTES: usize = 1024;

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

async fn account(State(requests): State<Arc<AtomicU64>>, Path(id): Path<String>) -> Response {
    let number = requests.fetch_add(1, Ordering::Relaxed);
    tokio::time::sleep(LATENCY).await;
    ([(CONTENT_TYPE, "application/json")], document(&id, number)).into_response()
}

/// The account's document. The access token is padded so that the document has [`BODY_BYTES`] bytes.
fn document(id: &str, number: u64) -> String {
    let now = Utc::now();
    let time = |after: TimeDelta| (now + after).to_rfc3339_opts(SecondsFormat::Millis, true);
    let text = |token: &str| {
        json!({"data": {
            "id": id,
            "name": "someone@example.com",
            "external_id": format!("user-{number}"),
            "healthy": true,
            "dead": false,
            "error": null,
            "app": {
                "id": "app_168hvn",
                "name": "Google Sheets",
                "name_slug": "google_sheets",
                "auth_type": "oauth",
                "categories": ["Productivity"],
            },
            "credentials": {
                "oauth_client_id": "000000000000-sample.apps.example.com",
                "oauth_access_token": token,
                "oauth_uid": "100000000000000000000",
            },
            "created_at": "2026-01-01T00:00:00.000Z",
            "updated_at": time(TimeDelta::zero()),
            "expires_at": time(VALIDITY),
            "next_refresh_at": time(VALIDITY - TimeDelta::minutes(45)),
            "last_refreshed_at": time(TimeDelta::zero()),
        }})
        .to_string()
    };
    let width = BODY_BYTES.saturating_sub(text("").len());
    text(&format!("{number:0>width$x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_the_same_length_and_a_token_of_its_own() {
        let (one, other) = (document("apn_w1", 1), document("apn_m1x2x345678", 4_000_000));
        assert_eq!((one.len(), other.len()), (BODY_BYTES, BODY_BYTES));
        let token = |text: &str| {
            let value: serde_json::Value = serde_json::from_str(text).expect("it is JSON");
            value["data"]["credentials"]["oauth_access_token"].as_str().expect("a text").to_owned()
        };
        assert!(token(&one).len() > 200);
        assert_ne!(token(&one), token(&other));
    }
}
