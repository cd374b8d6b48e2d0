//! The sample upstream: an HTTP/1.1 server on the loopback with Pipedream's credentials API and a few sample
//! accounts. Tests and examples run the real network client against it.
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use credwell_sample_upstream::SampleUpstream;
//!
//! let upstream = SampleUpstream::start().await?;
//! assert!(upstream.base_url().starts_with("http://127.0.0.1:"));
//! assert_eq!(upstream.count(), 0);
//! # std::io::Result::Ok(()) })?;
//! # std::io::Result::Ok(())
//! ```

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

/// A running server with the sample accounts. The server stops when this value is dropped.
///
/// | Request | Accepted authorization |
/// |---|---|
/// | `GET /v1/accounts/{id}/credentials` | [`SampleUpstream::API_KEY`] |
/// | `GET /v1/accounts/{id}?include_credentials=1` | the API key or an OAuth token |
/// | `GET /v1/connect/{project}/accounts/{id}?include_credentials=true` | an OAuth token |
/// | `POST /v1/oauth/token` | [`SampleUpstream::CLIENT_ID`] and [`SampleUpstream::CLIENT_SECRET`] |
///
/// Each response with credentials has a new access token or API key.
pub struct SampleUpstream {
    address: SocketAddr,
    service: Arc<Mutex<Service>>,
    server: JoinHandle<()>,
}

impl SampleUpstream {
    /// The API key that the server accepts.
    pub const API_KEY: &str = "pd_local_api_key_b7e2094d5a61";

    /// The id of the OAuth client that the server accepts.
    pub const CLIENT_ID: &str = "local_client";

    /// The secret of the OAuth client.
    pub const CLIENT_SECRET: &str = "local_client_secret_41c8f6";

    /// The project of the sample accounts.
    pub const PROJECT_ID: &str = "proj_Lcl4xAd";

    /// The ids of the sample accounts. The first has an OAuth token that expires in an hour, the second an
    /// API key that doesn't expire, and the third an OAuth token that expires in two minutes.
    pub const ACCOUNT_IDS: [&str; 3] = ["apn_EOhwvQr", "apn_K3ysTn8", "apn_Sh0rtLv"];

    /// Starts the server on a free port of 127.0.0.1, in a task of the current tokio runtime.
    ///
    /// # Errors
    ///
    /// No port is free.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let service = Arc::new(Mutex::new(Service::default()));
        let server = tokio::spawn(serve(listener, Arc::clone(&service)));
        Ok(Self { address, service, server })
    }

    /// The base URL for the component's configuration.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The host and port of the server, for the host's list of allowed authorities.
    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// The number of requests that have arrived. Refused requests are included.
    pub fn count(&self) -> usize {
        lock(&self.service).requests
    }
}

impl Drop for SampleUpstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Locks a mutex, even after a panic in another thread that held the lock. Each critical section leaves the
/// data consistent.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, service: Arc<Mutex<Service>>) {
    // Dropping this future drops the set, which closes the open connections.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let service = Arc::clone(&service);
        connections.spawn(async move {
            let service = service_fn(move |request| respond(Arc::clone(&service), request));
            // A client that closes the connection early is not an error of the server.
            _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn respond(
    service: Arc<Mutex<Service>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let (status, value) = lock(&service).respond(&head, &body);
    let mut response = Response::new(Full::new(Bytes::from(value.to_string())));
    *response.status_mut() = status;
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    Ok(response)
}

/// The status and the JSON body of a response.
type Reply = (StatusCode, Value);

#[derive(Default)]
struct Service {
    requests: usize,
    /// The number of issued tokens and keys. It makes each of them unique.
    issued: usize,
    oauth_tokens: Vec<String>,
}

impl Service {
    fn respond(&mut self, head: &http::request::Parts, body: &[u8]) -> Reply {
        self.requests += 1;
        let path: Vec<&str> = head.uri.path().split('/').skip(1).collect();
        let bearer = head.headers.get(header::AUTHORIZATION);
        let bearer = bearer.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let has_key = bearer == Some(SampleUpstream::API_KEY);
        let has_token = bearer.is_some_and(|token| self.oauth_tokens.iter().any(|issued| issued == token));

        match (&head.method, path.as_slice()) {
            (&Method::POST, ["v1", "oauth", "token"]) => self.token(body),
            (&Method::GET, ["v1", "accounts", id, "credentials"]) => {
                self.account(has_key, id).map_or_else(|refusal| refusal, in_data)
            }
            (&Method::GET, ["v1", "accounts", id]) => {
                let account = self.account(has_key || has_token, id);
                let account = account.map(|account| with_requested_fields(account, head));
                account.map_or_else(|refusal| refusal, in_data)
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
                let account = account.map(|account| with_requested_fields(account, head));
                account.map_or_else(|refusal| refusal, |account| (StatusCode::OK, account))
            }
            _ => refusal(StatusCode::NOT_FOUND, "no such path"),
        }
    }

    fn token(&mut self, body: &[u8]) -> Reply {
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        if request["grant_type"] != "client_credentials"
            || request["client_id"] != SampleUpstream::CLIENT_ID
            || request["client_secret"] != SampleUpstream::CLIENT_SECRET
        {
            return refusal(StatusCode::UNAUTHORIZED, "invalid_client");
        }
        self.issued += 1;
        let token = format!("local_oauth_{:032x}", self.issued);
        self.oauth_tokens.push(token.clone());
        let created_at = Utc::now().timestamp();
        let reply = json!({
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": 3_600,
            "created_at": created_at,
        });
        (StatusCode::OK, reply)
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

/// A response with the account in the member `data`.
fn in_data(account: Value) -> Reply {
    (StatusCode::OK, json!({"data": account}))
}

/// Removes the credentials from an account, unless the query requests them.
fn with_requested_fields(mut account: Value, head: &http::request::Parts) -> Value {
    let query = head.uri.query().unwrap_or_default();
    let is_requested =
        query.split('&').any(|pair| matches!(pair, "include_credentials=1" | "include_credentials=true"));
    if !is_requested && let Some(fields) = account.as_object_mut() {
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

    fn send(service: &mut Service, method: Method, uri: &str, bearer: &str, body: &str) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header("authorization", format!("Bearer {bearer}"))
            .header("x-pd-environment", "production")
            .body(())
            .expect("the parts of the request are valid");
        service.respond(&request.into_parts().0, body.as_bytes())
    }

    #[test]
    fn each_form_accepts_its_own_authorization() {
        let service = &mut Service::default();
        let client = json!({
            "grant_type": "client_credentials",
            "client_id": SampleUpstream::CLIENT_ID,
            "client_secret": SampleUpstream::CLIENT_SECRET,
        });
        let (_, token) = send(service, Method::POST, "/v1/oauth/token", "", &client.to_string());
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
                send(service, Method::GET, uri, bearer, "").0 == StatusCode::OK
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
            let (_, reply) = send(service, Method::GET, &uri, SampleUpstream::API_KEY, "");
            reply["data"]["credentials"]["oauth_access_token"].clone()
        };
        let (first, second) = (fetch(), fetch());
        assert!(first.is_string());
        assert_ne!(first, second);
    }

    #[test]
    fn credentials_come_only_when_the_query_asks() {
        let service = &mut Service::default();
        let uri = format!("/v1/accounts/{}", SampleUpstream::ACCOUNT_IDS[0]);
        let (status, reply) = send(service, Method::GET, &uri, SampleUpstream::API_KEY, "");
        assert_eq!(status, StatusCode::OK);
        assert_eq!(reply["data"].get("credentials"), None);
    }
}
