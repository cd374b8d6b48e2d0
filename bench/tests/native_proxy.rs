//! Tests of the native baseline: it behaves as the broker does, so that the two are comparable.

use credwell_bench::native_proxy::{ProxySettings, Sealing, router};
use credwell_bench::upstream::{API_KEY, BODY_BYTES, Upstream};
use reqwest::{Response, StatusCode};
use tokio::net::TcpListener;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const OTHER_TOKEN: &str = "fedcba9876543210fedcba9876543210";

struct Proxy {
    upstream: Upstream,
    address: String,
    client: reqwest::Client,
}

async fn start() -> Proxy {
    start_with(None).await
}

/// A proxy that seals what it caches with this key, if there is one.
async fn start_with(sealing_key: Option<[u8; 32]>) -> Proxy {
    let upstream = Upstream::start().await.expect("a port is free");
    let tokens = vec![OTHER_TOKEN.to_owned(), TOKEN.to_owned()];
    let settings =
        ProxySettings { base_url: upstream.base_url(), api_key: API_KEY.to_owned(), tokens, sealing_key };
    let router = router(settings).expect("a client can be made");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound").to_string();
    tokio::spawn(async { axum::serve(listener, router).await });
    Proxy { upstream, address, client: reqwest::Client::new() }
}

impl Proxy {
    async fn get(&self, id: &str, token: &str) -> Response {
        let url = format!("http://{}/v1/accounts/{id}/credentials", self.address);
        self.client.get(url).bearer_auth(token).send().await.expect("the proxy answers")
    }
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[tokio::test]
async fn the_second_request_is_answered_from_the_cache() {
    let proxy = start().await;
    let first = proxy.get("apn_abc", TOKEN).await;
    assert_eq!(first.status(), StatusCode::OK);
    assert!(header(&first, "cache-status").starts_with("native-proxy; fwd=miss; ttl="), "{first:?}");
    assert_eq!(header(&first, "cache-control"), "no-store");
    let second = proxy.get("apn_abc", OTHER_TOKEN).await;
    assert!(header(&second, "cache-status").starts_with("native-proxy; hit; ttl="), "{second:?}");
    assert_eq!(header(&second, "age"), "0");
    let (first, second) = (first.bytes().await.expect("a body"), second.bytes().await.expect("a body"));
    assert_eq!((first.len(), first), (BODY_BYTES, second));
    assert_eq!(proxy.upstream.count(), 1);
}

#[tokio::test]
async fn a_proxy_that_seals_answers_from_its_cache_too() {
    let proxy = start_with(Some([7; 32])).await;
    let first = proxy.get("apn_s2048x1", TOKEN).await.bytes().await.expect("a body");
    let second = proxy.get("apn_s2048x1", TOKEN).await;
    assert!(header(&second, "cache-status").starts_with("native-proxy; hit; ttl="), "{second:?}");
    let second = second.bytes().await.expect("a body");
    assert_eq!((first.len(), first), (2048, second));
    assert_eq!(proxy.upstream.count(), 1);
}

#[test]
fn sealed_bytes_open_for_their_account_and_key_only() {
    let sealing = Sealing::new(&[7; 32]);
    let sealed = sealing.seal("apn_a", b"token").expect("the system has entropy");
    assert!(!sealed.windows(5).any(|bytes| bytes == b"token"));
    assert_eq!(sealing.open("apn_a", &sealed).as_deref(), Some(b"token".as_slice()));
    assert_eq!(sealing.open("apn_b", &sealed), None);
    assert_eq!(Sealing::new(&[8; 32]).open("apn_a", &sealed), None);
    assert_eq!(sealing.open("apn_a", &sealed[1..]), None);
}

#[tokio::test]
async fn callers_that_miss_at_the_same_time_wait_for_one_request() {
    let proxy = start().await;
    let (one, two, three) =
        tokio::join!(proxy.get("apn_abc", TOKEN), proxy.get("apn_abc", TOKEN), proxy.get("apn_abc", TOKEN));
    for response in [one, two, three] {
        assert_eq!(response.status(), StatusCode::OK);
    }
    assert_eq!(proxy.upstream.count(), 1);
}

#[tokio::test]
async fn callers_without_a_valid_token_or_id_are_refused() {
    let proxy = start().await;
    for (id, token, expected) in [
        ("apn_abc", "key", StatusCode::UNAUTHORIZED),
        ("apn_abc", "", StatusCode::UNAUTHORIZED),
        ("apn_abc", &TOKEN[1..], StatusCode::UNAUTHORIZED),
        ("apn_a%2F..", TOKEN, StatusCode::BAD_REQUEST),
        ("abc", TOKEN, StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(proxy.get(id, token).await.status(), expected, "{id}");
    }
    assert_eq!(proxy.upstream.count(), 0);
}

#[tokio::test]
async fn an_unreachable_upstream_gives_502_and_is_not_cached() {
    let proxy = start().await;
    let Proxy { upstream, address, client } = proxy;
    drop(upstream);
    let url = format!("http://{address}/v1/accounts/apn_abc/credentials");
    for _ in 0..2 {
        let response = client.get(&url).bearer_auth(TOKEN).send().await.expect("the proxy answers");
        assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    }
}
