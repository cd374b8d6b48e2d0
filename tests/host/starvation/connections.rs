//! Tests of connections that nobody reads from.

use super::{LIMIT, assert_hits, get_on, path, start};
use crate::starvation::{CACHED, account, get};
use credwell_host::{Metrics, MetricsListener};
use host_test::{BrokerHarness, Flavour, MockUpstream, TEST_API_KEY};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// The address that the callers without a fault have.
const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

async fn listener() -> credwell_host::Listener {
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
async fn readers_that_never_read(number: usize, to: SocketAddr) -> JoinSet<()> {
    let mut readers = JoinSet::new();
    for _ in 0..number {
        let stream = connect(Ipv4Addr::LOCALHOST, to).await;
        readers.spawn(send_without_reading(stream, HEALTH));
    }
    readers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_are_served_beside_readers_that_never_read() {
    const CONNECTIONS: usize = 64;
    let address = start(listener().await.connection_limit(CONNECTIONS).connections_per_peer(16));
    let readers = readers_that_never_read(CONNECTIONS, address).await;
    for _ in 0..20 {
        let response =
            timeout(LIMIT, get_on(connect(OTHER, address).await, &path(CACHED), TEST_API_KEY)).await;
        let response = response.expect("another caller gets no answer").expect("the connection stays open");
        assert!(response.starts_with("http/1.1 200"), "{response}");
    }
    // A caller from the same address takes the place of a connection that is not used.
    println!("the slowest of 20 hits took {:?}", assert_hits(address).await);
    drop(readers);
}
