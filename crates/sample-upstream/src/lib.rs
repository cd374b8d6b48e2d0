//! The upstream's API on this machine: a real server over HTTP/1.1, for runs with the real client.

mod sample;

use bytes::Bytes;
use chrono::Utc;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// A running server with a few sample accounts. It stops when it is dropped.
///
/// It answers, with each fetch giving a new token:
///
/// - `GET /v1/accounts/{id}/credentials` to [`SampleUpstream::API_KEY`]
/// - `GET /v1/accounts/{id}?include_credentials=1` to the API key or an OAuth token
/// - `GET /v1/connect/{project}/accounts/{id}?include_credentials=true` to an OAuth token
/// - `POST /v1/oauth/token` to [`SampleUpstream::CLIENT_ID`] and [`SampleUpstream::CLIENT_SECRET`]
pub struct SampleUpstream {
    address: SocketAddr,
    service: Arc<Mutex<Service>>,
    server: JoinHandle<()>,
}

impl SampleUpstream {
    /// The API key that the server accepts.
    pub const API_KEY: &str = "pd_local_api_key_b7e2094d5a61";

    /// The OAuth client that the server accepts.
    pub const CLIENT_ID: &str = "local_client";

    /// The OAuth client's secret.
    pub const CLIENT_SECRET: &str = "local_client_secret_41c8f6";

    /// The project that the accounts belong to.
    pub const PROJECT_ID: &str = "proj_Lcl4xAd";

    /// The sample accounts: an OAuth one that expires in an hour, one with keys that don't expire, and an
    /// OAuth one that expires in two minutes.
    pub const ACCOUNT_IDS: [&str; 3] = ["apn_EOhwvQr", "apn_K3ysTn8", "apn_Sh0rtLv"];

    /// Starts the server on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// The port can't be bound.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let service = Arc::new(Mutex::new(Service::default()));
        let server = tokio::spawn(serve(listener, Arc::clone(&service)));
        Ok(Self { address, service, server })
    }

    /// The URL that the component is configured with.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The authority that the component must be allowed to reach.
    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// How many requests have arrived, refused ones included.
    pub fn count(&self) -> usize {
        lock(&self.service).requests
    }
}

impl Drop for SampleUpstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Locks even after another thread panicked while it held the lock: each critical section leaves the data whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, service: Arc<Mutex<Service>>) {
    // Dropped with this future, and the open connections with it.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let service = Arc::clone(&service);
        connections.spawn(async move {
            let answer = service_fn(move |request| answer(Arc::clone(&service), request));
            // A client that hangs up early is no failure of the server.
            _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(
    service: Arc<Mutex<Service>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let (status, value) = lock(&service).answer(&head, &body);
    let mut response = Response::new(Full::new(Bytes::from(value.to_string())));
    *response.status_mut() = status;
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    Ok(response)
}

type Reply = (StatusCode, Value);

#[derive(Default)]
struct Service {
    requests: usize,
    /// How many tokens were issued, so that no two are the same.
    issued: usize,
    oauth_tokens: Vec<String>,
}

impl Service {
    fn answer(&mut self, head: &http::request::Parts, body: &[u8]) -> Reply {
        self.requests += 1;
        let path: Vec<&str> = head.uri.path().split('/').skip(1).collect();
        let bearer = head.headers.get(header::AUTHORIZATION);
        let bearer = bearer.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let has_key = bearer == Some(SampleUpstream::API_KEY);
        let has_token = bearer.is_some_and(|token| self.oauth_tokens.iter().any(|it| it == token));

        match (&head.method, path.as_slice()) {
            (&Method::POST, ["v1", "oauth", "token"]) => self.token(body),
            (&Method::GET, ["v1", "accounts", id, "credentials"]) => {
                self.account(has_key, id).map_or_else(|refusal| refusal, wrapped)
            }
            (&Method::GET, ["v1", "accounts", id]) => {
                let account = self.account(has_key || has_token, id);
                let account = account.map(|account| with_asked_fields(account, head));
                account.map_or_else(|refusal| refusal, wrapped)
            }
            (&Method::GET, ["v1", "connect", project, "accounts", id]) => {
                let environment = head.headers.get("x-pd-environment").map(|value| value.as_bytes());
                if !matches!(environment, Some(b"development" | b"production")) {
                    return refusal(StatusCode::BAD_REQUEST, "x-pd-environment is missing");
                }
                if *project != SampleUpstream::PROJECT_ID {
                    return refusal(StatusCode::NOT_FOUND, "record not found");
                }
                let account = self.account(has_token, id);
                let account = account.map(|account| with_asked_fields(account, head));
                account.map_or_else(|refusal| refusal, |account| (StatusCode::OK, account))
            }
            _ => refusal(StatusCode::NOT_FOUND, "no such path"),
        }
    }

    fn token(&mut self, body: &[u8]) -> Reply {
        let asked: Value = serde_json::from_slice(body).unwrap_or_default();
        if asked["grant_type"] != "client_credentials"
            || asked["client_id"] != SampleUpstream::CLIENT_ID
            || asked["client_secret"] != SampleUpstream::CLIENT_SECRET
        {
            return refusal(StatusCode::UNAUTHORIZED, "invalid_client");
        }
        self.issued += 1;
        let token = format!("local_oauth_{:032x}", self.issued);
        self.oauth_tokens.push(token.clone());
        let created_at = Utc::now().timestamp();
        let answer = json!({
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": 3_600,
            "created_at": created_at,
        });
        (StatusCode::OK, answer)
    }

    fn account(&mut self, authorized: bool, id: &str) -> Result<Value, Reply> {
        if !authorized {
            return Err(refusal(StatusCode::UNAUTHORIZED, "unauthorized"));
        }
        self.issued += 1;
        sample::account(id, self.issued, Utc::now())
            .ok_or_else(|| refusal(StatusCode::NOT_FOUND, "record not found"))
    }
}

fn wrapped(account: Value) -> Reply {
    (StatusCode::OK, json!({"data": account}))
}

/// The upstream leaves the credentials out unless the query asks for them.
fn with_asked_fields(mut account: Value, head: &http::request::Parts) -> Value {
    let query = head.uri.query().unwrap_or_default();
    let asked =
        query.split('&').any(|pair| matches!(pair, "include_credentials=1" | "include_credentials=true"));
    if !asked && let Some(fields) = account.as_object_mut() {
        fields.remove("credentials");
    }
    account
}

fn refusal(status: StatusCode, text: &str) -> Reply {
    (status, json!({"error": text}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(service: &mut Service, method: Method, uri: &str, bearer: &str, body: &str) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header("authorization", format!("Bearer {bearer}"))
            .header("x-pd-environment", "production")
            .body(())
            .expect("the parts of the request are valid");
        service.answer(&request.into_parts().0, body.as_bytes())
    }

    #[test]
    fn each_form_accepts_its_own_authorization() {
        let service = &mut Service::default();
        let client = json!({
            "grant_type": "client_credentials",
            "client_id": SampleUpstream::CLIENT_ID,
            "client_secret": SampleUpstream::CLIENT_SECRET,
        });
        let (_, token) = ask(service, Method::POST, "/v1/oauth/token", "", &client.to_string());
        let token = token["access_token"].as_str().expect("a token was issued");
        let id = SampleUpstream::ACCOUNT_IDS[0];
        let forms = [
            (format!("/v1/accounts/{id}/credentials"), true, false),
            (format!("/v1/accounts/{id}?include_credentials=1"), true, true),
            (
                format!("/v1/connect/{}/accounts/{id}?include_credentials=true", SampleUpstream::PROJECT_ID),
                false,
                true,
            ),
        ];
        for (uri, key_is_accepted, token_is_accepted) in &forms {
            let accepts = |service: &mut Service, bearer: &str| {
                ask(service, Method::GET, uri, bearer, "").0 == StatusCode::OK
            };
            assert_eq!(accepts(service, SampleUpstream::API_KEY), *key_is_accepted, "{uri}");
            assert_eq!(accepts(service, token), *token_is_accepted, "{uri}");
            assert!(!accepts(service, "another"), "{uri}");
        }
    }

    #[test]
    fn each_fetch_gives_a_new_token() {
        let service = &mut Service::default();
        let uri = format!("/v1/accounts/{}/credentials", SampleUpstream::ACCOUNT_IDS[0]);
        let mut fetch = || {
            let (_, answer) = ask(service, Method::GET, &uri, SampleUpstream::API_KEY, "");
            answer["data"]["credentials"]["oauth_access_token"].clone()
        };
        let (first, second) = (fetch(), fetch());
        assert!(first.is_string());
        assert_ne!(first, second);
    }

    #[test]
    fn credentials_come_only_when_the_query_asks() {
        let service = &mut Service::default();
        let uri = format!("/v1/accounts/{}", SampleUpstream::ACCOUNT_IDS[0]);
        let (status, answer) = ask(service, Method::GET, &uri, SampleUpstream::API_KEY, "");
        assert_eq!(status, StatusCode::OK);
        assert_eq!(answer["data"].get("credentials"), None);
    }
}
