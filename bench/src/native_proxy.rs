//! The native baseline: a proxy of axum, moka and reqwest, which is the usual alternative to the broker.
//!
//! The proxy behaves as the broker in managed mode does for a `GET` of credentials: it authenticates callers
//! by their tokens, caches an account until shortly before its expiry, sends one request for concurrent
//! misses of an account, and logs one line for each response. It can seal the documents in its cache, with
//! the cipher of the core and the account id as associated data. Unlike the broker it does not wipe
//! credentials.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::get};
use bytes::Bytes;
use chacha20poly1305::aead::{AeadInOut, Generate};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use chrono::{DateTime, TimeDelta, Utc};
use moka::future::Cache;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};
use subtle::{Choice, ConstantTimeEq};

/// The cache's capacity in accounts: more than a run requests.
const CAPACITY: u64 = 10_000_000;

/// How long before its expiry an account leaves the cache.
const REFRESH_WINDOW: TimeDelta = TimeDelta::seconds(60);

/// The timeout of a request to the upstream.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The proxy's settings.
pub struct ProxySettings {
    /// The upstream's URL, without a slash at its end.
    pub base_url: String,
    /// The upstream's API key.
    pub api_key: String,
    /// The tokens of the callers.
    pub tokens: Vec<String>,
    /// The key that seals the documents in the cache. `None`: they are not sealed.
    pub sealing_key: Option<[u8; 32]>,
}

struct Proxy {
    settings: ProxySettings,
    client: reqwest::Client,
    sealing: Option<Sealing>,
    accounts: Cache<String, Account>,
}

/// The cipher of the cache.
pub struct Sealing(XChaCha20Poly1305);

/// The length of the nonce in front of a sealed text.
const NONCE_BYTES: usize = 24;

#[derive(Clone)]
struct Account {
    /// Sealed in the cache, if the proxy seals.
    document: Bytes,
    fetched_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
}

/// The proxy as a router of axum.
///
/// # Errors
///
/// The HTTP client can't be built.
pub fn router(settings: ProxySettings) -> reqwest::Result<Router> {
    let client = reqwest::Client::builder().timeout(TIMEOUT).build()?;
    let accounts = Cache::builder().max_capacity(CAPACITY).expire_after(UntilExpiry).build();
    let sealing = settings.sealing_key.map(|key| Sealing::new(&key));
    let proxy = Arc::new(Proxy { settings, client, sealing, accounts });
    Ok(Router::new().route("/v1/accounts/{id}/credentials", get(credentials)).with_state(proxy))
}

async fn credentials(
    State(proxy): State<Arc<Proxy>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, StatusCode> {
    let begun = Instant::now();
    let result = proxy.account(&id, &headers).await;
    let (status, outcome) = match &result {
        Ok((_, is_fresh)) => (StatusCode::OK, if *is_fresh { "miss" } else { "hit" }),
        Err(status) => (*status, "failed"),
    };
    let (time, status, took) = (Utc::now().timestamp_millis(), status.as_u16(), begun.elapsed().as_millis());
    // One write per line, as in the broker. An error of the log doesn't fail the request.
    let line =
        format!("{{\"time\":{time},\"status\":{status},\"outcome\":\"{outcome}\",\"duration\":{took}}}\n");
    _ = std::io::stderr().write_all(line.as_bytes());
    result.map(|(account, is_fresh)| account.into_response(is_fresh))
}

impl Proxy {
    /// The account, and whether it was fetched for this request.
    async fn account(&self, id: &str, headers: &HeaderMap) -> Result<(Account, bool), StatusCode> {
        if !self.authenticates(headers) {
            return Err(StatusCode::UNAUTHORIZED);
        }
        // The id becomes part of the upstream's URL.
        if !id.strip_prefix("apn_").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        {
            return Err(StatusCode::BAD_REQUEST);
        }
        let entry = self.accounts.entry_by_ref(id).or_try_insert_with(self.fetch(id)).await;
        let entry = entry.map_err(|status: Arc<StatusCode>| *status)?;
        let is_fresh = entry.is_fresh();
        let mut account = entry.into_value();
        if let Some(sealing) = &self.sealing {
            let opened = sealing.open(id, &account.document);
            account.document = opened.ok_or(StatusCode::INTERNAL_SERVER_ERROR)?.into();
        }
        Ok((account, is_fresh))
    }

    fn authenticates(&self, headers: &HeaderMap) -> bool {
        let bearer =
            headers.get(header::AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        bearer.is_some_and(|bearer| {
            let tokens = self.settings.tokens.iter();
            tokens.fold(Choice::from(0), |known, token| known | token.as_bytes().ct_eq(bearer)).into()
        })
    }

    async fn fetch(&self, id: &str) -> Result<Account, StatusCode> {
        #[derive(serde::Deserialize)]
        struct Document {
            data: Data,
        }
        #[derive(serde::Deserialize)]
        struct Data {
            expires_at: Option<DateTime<Utc>>,
        }

        let url = format!("{}/v1/accounts/{id}/credentials", self.settings.base_url);
        let request = self.client.get(url).bearer_auth(&self.settings.api_key);
        let response = request.send().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Err(StatusCode::NOT_FOUND),
            _ => return Err(StatusCode::BAD_GATEWAY),
        }
        let body = response.bytes().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
        let parsed: Document = serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_GATEWAY)?;
        // A copy, because the client's bytes would keep the connection's whole buffer alive.
        let document = match &self.sealing {
            Some(sealing) => sealing.seal(id, &body).ok_or(StatusCode::INTERNAL_SERVER_ERROR)?.into(),
            None => Bytes::copy_from_slice(&body),
        };
        Ok(Account { document, fetched_at: Utc::now(), expires_at: parsed.data.expires_at })
    }
}

impl Sealing {
    /// A cipher with this key.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(key.into()))
    }

    /// The nonce, and the text of the account in encrypted form. `None` if the system has no entropy.
    pub fn seal(&self, account_id: &str, text: &[u8]) -> Option<Vec<u8>> {
        let nonce = XNonce::try_generate().ok()?;
        let mut sealed = [nonce.as_slice(), text].concat();
        let in_place = sealed.get_mut(NONCE_BYTES..)?.into();
        let tag = self.0.encrypt_inout_detached(&nonce, account_id.as_bytes(), in_place).ok()?;
        sealed.extend_from_slice(&tag);
        Some(sealed)
    }

    /// The text of the account. `None` if these are not the sealed bytes of this account.
    pub fn open(&self, account_id: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let (text, tag) = rest.split_last_chunk::<16>()?;
        let mut text = text.to_vec();
        let in_place = text.as_mut_slice().into();
        let nonce = XNonce::from(*nonce);
        self.0.decrypt_inout_detached(&nonce, account_id.as_bytes(), in_place, &(*tag).into()).ok()?;
        Some(text)
    }
}

impl Account {
    fn into_response(self, is_fresh: bool) -> Response {
        let now = Utc::now();
        let source = if is_fresh { "fwd=miss" } else { "hit" };
        let status = match self.expires_at {
            Some(expires_at) => format!("native-proxy; {source}; ttl={}", (expires_at - now).num_seconds()),
            None => format!("native-proxy; {source}"),
        };
        let headers = [
            (header::CACHE_CONTROL, "no-store".to_owned()),
            (header::CONTENT_TYPE, "application/json".to_owned()),
            (header::AGE, (now - self.fetched_at).num_seconds().to_string()),
            (HeaderName::from_static("cache-status"), status),
        ];
        (headers, self.document).into_response()
    }
}

/// The cache's rule: an account leaves [`REFRESH_WINDOW`] before its expiry.
struct UntilExpiry;

impl moka::Expiry<String, Account> for UntilExpiry {
    fn expire_after_create(&self, _: &String, account: &Account, _: Instant) -> Option<Duration> {
        let left = account.expires_at? - REFRESH_WINDOW - Utc::now();
        Some(left.to_std().unwrap_or_default())
    }
}
