//! Tests of the load generator with wrk, and of the hello component.

use credwell_bench::hosted;
use credwell_bench::load::{self, Load};
use credwell_bench::native_proxy::{ProxySettings, router};
use credwell_bench::upstream::{API_KEY, BODY_BYTES, Upstream};
use std::net::SocketAddr;
use tokio::net::TcpListener;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Whether this machine has wrk. Skips the test otherwise.
async fn has_wrk() -> bool {
    let is_installed = load::is_installed().await;
    if !is_installed {
        credwell_test_programs::skip("wrk", "it is not on this machine", "apt-get install wrk");
    }
    is_installed
}

async fn proxy(upstream: &Upstream) -> SocketAddr {
    let settings = ProxySettings {
        base_url: upstream.base_url(),
        api_key: API_KEY.to_owned(),
        tokens: vec![TOKEN.to_owned()],
        sealing_key: None,
    };
    let router = router(settings).expect("a client can be made");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let server = listener.local_addr().expect("it is bound");
    tokio::spawn(async { axum::serve(listener, router).await });
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_in_ten_is_a_miss_and_all_have_the_token() {
    if !has_wrk().await {
        return;
    }
    let upstream = Upstream::start().await.expect("a port is free");
    let server = proxy(&upstream).await;

    let accounts = load::WARM_ACCOUNTS;
    let load =
        Load { server, token: TOKEN, round: "1", miss_percent: 10, accounts, connections: 8, seconds: 1 };
    let outcome = load.run().await.expect("wrk runs");
    assert_eq!((outcome.refused, outcome.failed), (0, 0));
    assert!(outcome.latencies.count() > 0);
    // The requests without a response at the end have reached the upstream, and are not among `requests`.
    let misses = upstream.count().saturating_sub(accounts.count) as f64 / outcome.requests as f64;
    assert!((0.05..0.15).contains(&misses), "{misses}: {} of {}", upstream.count(), outcome.requests);

    let other = Load { token: "another", ..load };
    let outcome = other.run().await.expect("wrk runs");
    assert!(outcome.refused > 0 && outcome.refused == outcome.requests, "{outcome:?}");
}

#[tokio::test]
async fn the_ceiling_answers_as_much_as_the_upstream() {
    let listener = hosted::hello().await.expect("the component is built");
    let url = format!("http://{}/v1/accounts/apn_abc/credentials", listener.address());
    tokio::spawn(listener.serve(std::future::pending()));
    let response = reqwest::get(&url).await.expect("it answers");
    assert_eq!(response.status(), 200);
    assert_eq!(response.bytes().await.expect("a body").len(), BODY_BYTES);
}
