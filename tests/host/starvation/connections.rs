//! Tests of connections that nobody reads from.

use super::{CACHED, LIMIT, account, assert_hits, get_on, path, start, until};
use credwell_host::{Listener, Metrics, MetricsListener};
use host_test::{BrokerHarness, Flavour, MockUpstream, Reply, TEST_API_KEY};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// The address that the callers without a fault have.
const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

async fn listener() -> Listener {
    let upstream = MockUpstream::new();
    upstream.always(account(CACHED));
    BrokerHarness::builder(Flavour::Wasmtime).upstream(upstream).build().listener().await
}

/// Connects from an address of the loopback, with a small buffer for responses.
async fn connect(from: Ipv4Addr, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("the process may open a socket");
    socket.set_recv_buffer_size(4096).expect("the buffer can have this size");
    socket.bind((from, 0).into()).expect("the address is of this machine");
    socket.connect(to).await.expect("the listener listens")
}

/// Sends requests on a connection and reads nothing, until the connection ends.
async fn send_without_reading(mut stream: TcpStream, request: &'static str) {
    let requests = request.repeat(100);
    while stream.write_all(requests.as_bytes()).await.is_ok() {}
}

/// Opens this number of connections that send and don't read. Dropping the set closes them.
async fn readers_that_never_read(number: usize, to: SocketAddr, request: &'static str) -> JoinSet<()> {
    let mut readers = JoinSet::new();
    for _ in 0..number {
        let stream = connect(Ipv4Addr::LOCALHOST, to).await;
        readers.spawn(send_without_reading(stream, request));
    }
    readers
}

/// Checks that a caller from another address is answered, again and again.
async fn assert_served(address: SocketAddr, path: &str) {
    for number in 0..20 {
        let response = timeout(LIMIT, get_on(connect(OTHER, address).await, path, TEST_API_KEY)).await;
        let response = response.unwrap_or_else(|_| panic!("request {number} got no answer"));
        let response = response.expect("the connection stays open");
        assert!(response.starts_with("http/1.1 200"), "{response}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_are_served_beside_a_peer_that_never_reads() {
    const CONNECTIONS: usize = 64;
    let address = start(listener().await.connection_limit(CONNECTIONS).connections_per_peer(16));
    let _readers = readers_that_never_read(CONNECTIONS, address, HEALTH).await;
    assert_served(address, &path(CACHED)).await;
    // A caller from the same address replaces a connection that no request needs.
    println!("the slowest of 20 hits took {:?}", assert_hits(address).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_are_served_where_one_peer_may_have_all_connections() {
    const CONNECTIONS: usize = 8;
    let metrics = Metrics::new();
    let listener = listener().await.connection_limit(CONNECTIONS).connections_per_peer(CONNECTIONS);
    // Nothing but the need for room ends a connection.
    let address = start(listener.write_timeout(10 * LIMIT).metrics(metrics.clone()));
    let _readers = readers_that_never_read(CONNECTIONS, address, HEALTH).await;
    assert_served(address, &path(CACHED)).await;
    let text = metrics.text();
    assert!(text.contains("credwell_host_connections_closed_total{reason="), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_nobody_reads_from_ends() {
    let metrics = Metrics::new();
    let listener = listener().await.write_timeout(Duration::from_millis(100)).metrics(metrics.clone());
    let mut readers = readers_that_never_read(1, start(listener), HEALTH).await;
    timeout(LIMIT, readers.join_next()).await.expect("the connection ends");
    let text = metrics.text();
    assert!(text.contains("credwell_host_connections_closed_total{reason=\"stalled\"} 1\n"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_metrics_are_served_beside_a_peer_that_never_reads() {
    let operators = MetricsListener::bind("127.0.0.1:0", Metrics::new()).await.expect("a port is free");
    let address = operators.address();
    tokio::spawn(operators.serve(std::future::pending()));
    let request = "GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let _readers = readers_that_never_read(40, address, request).await;
    assert_served(address, "/metrics").await;
}

#[tokio::test]
async fn a_connection_with_a_request_under_way_is_not_replaced() {
    let upstream = MockUpstream::new();
    let harness = BrokerHarness::builder(Flavour::Wasmtime).upstream(upstream.clone()).build();
    let address = start(harness.listener().await.connections_per_peer(1));
    upstream.reply(Reply::stalling());
    let path = path(CACHED);
    let under_way = get_on(connect(Ipv4Addr::LOCALHOST, address).await, &path, TEST_API_KEY);
    let mut under_way = std::pin::pin!(under_way);
    tokio::select! {
        response = &mut under_way => panic!("{response:?}"),
        () = until(|| upstream.count() == 1) => {}
    }
    // The peer's second connection is closed, and another peer's is not.
    let second = get_on(connect(Ipv4Addr::LOCALHOST, address).await, &path, TEST_API_KEY);
    let second = timeout(LIMIT, second).await.expect("the connection is closed");
    assert!(second.is_err() || second.is_ok_and(|response| response.is_empty()));
    let other = get_on(connect(OTHER, address).await, "/healthz", TEST_API_KEY);
    let other = timeout(LIMIT, other).await.expect("an answer").expect("the connection stays open");
    assert!(other.starts_with("http/1.1 200"), "{other}");
    assert!(futures_util::poll!(under_way).is_pending());
}
