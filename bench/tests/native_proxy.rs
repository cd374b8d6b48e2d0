//! Tests of the native baseline: it behaves as the broker does, so that the two are comparable.

use credwell_bench::native_proxy::{ProxySettings, router};
use credwell_bench::upstream::{BODY_BYTES, Upstream};
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
    let upstream = Upstream::start().await.expect("a port is free");
    let tokens = vec![OTHER_TOKEN.to_owned(), TOKEN.to_owned()];
    let settings = ProxySettings { base_url: upstream.base_url(), api_key: "key".to_owned(), tokens };
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
