//! Tests of the bounds on connections.

use super::*;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::time::{sleep, timeout};

fn open(connections: usize, connections_per_peer: usize) -> OpenConnections {
    let timeout = Duration::from_secs(10);
    let limits =
        ConnectionLimits { connections, connections_per_peer, read_timeout: timeout, write_timeout: timeout };
    OpenConnections::new(limits, Some(Metrics::new()))
}

/// A connection on its own.
pub(in crate::listener) async fn connection() -> Connection {
    open(1, 1).admit(address(1)).await.expect("there is room").connection.clone()
}

fn address(last: u8) -> SocketAddr {
    (Ipv4Addr::new(10, 0, 0, last), 40_000).into()
}

/// Opens a connection and lets a moment pass.
async fn admit(open: &OpenConnections, last: u8) -> OpenConnection {
    let connection = open.admit(address(last)).await.expect("there is room");
    sleep(Duration::from_millis(1)).await;
    connection
}

async fn is_replaced(connection: &OpenConnection) -> bool {
    timeout(Duration::ZERO, connection.replaced()).await.is_ok()
}

fn closed(open: &OpenConnections, reason: &str) -> String {
    let text = open.table.metrics.as_ref().expect("there are metrics").text();
    let name = format!("credwell_host_connections_closed_total{{reason=\"{reason}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&name)).unwrap_or("0").to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_peer_at_its_bound_loses_its_least_used_connection() {
    let open = open(10, 2);
    let (other, one, two) = (admit(&open, 9).await, admit(&open, 1).await, admit(&open, 1).await);
    drop(one.connection.used());
    sleep(Duration::from_millis(1)).await;
    let three = admit(&open, 1).await;
    assert!(is_replaced(&two).await && !is_replaced(&one).await && !is_replaced(&other).await);
    // A stalled connection goes before an older one.
    three.connection.is_stalled(true);
    let four = admit(&open, 1).await;
    assert!(is_replaced(&three).await && !is_replaced(&one).await);
    assert_eq!(closed(&open, "replaced"), "2");
    drop((one, four));
    assert_eq!(open.table.count(address(1).ip()), 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_keeps_its_connection() {
    let open = open(10, 2);
    let (one, two) = (admit(&open, 1).await, admit(&open, 1).await);
    let used = (one.connection.used(), two.connection.used());
    assert!(open.admit(address(1)).await.is_none());
    assert_eq!(closed(&open, "too-many"), "1");
    admit(&open, 2).await;
    drop(used);
    admit(&open, 1).await;
    assert!(is_replaced(&one).await);
}

#[tokio::test(start_paused = true)]
async fn a_connection_above_the_bound_of_all_waits_for_one_to_end_or_stall() {
    let open = open(2, 2);
    let (one, two) = (admit(&open, 1).await, admit(&open, 2).await);
    let wait = Duration::from_secs(3600);
    assert!(timeout(wait, open.admit(address(3))).await.is_err());
    assert!(!is_replaced(&one).await && !is_replaced(&two).await);

    let end = async {
        sleep(wait).await;
        drop(one);
    };
    let (three, ()) = tokio::join!(open.admit(address(3)), end);
    let stall = async {
        sleep(wait).await;
        two.connection.is_stalled(true);
        two.replaced().await;
        drop(two);
    };
    let (four, ()) = tokio::join!(open.admit(address(4)), stall);
    assert!(three.is_some() && four.is_some());
    assert_eq!(closed(&open, "stalled"), "1");
}

#[tokio::test(start_paused = true)]
async fn at_the_bound_of_all_a_peer_gives_connections_to_peers_with_fewer() {
    let open = open(3, 3);
    let (one, two, three) = (admit(&open, 1).await, admit(&open, 1).await, admit(&open, 1).await);
    let used = one.connection.used();
    let end = async {
        two.replaced().await;
        drop(two);
    };
    let (other, ()) = tokio::join!(open.admit(address(2)), end);
    assert!(other.is_some() && !is_replaced(&one).await && !is_replaced(&three).await);
    // Now the peers have two connections and one.
    assert!(timeout(Duration::from_secs(3600), open.admit(address(2))).await.is_err());
    assert!(!is_replaced(&three).await);
    drop(used);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_goes_on_is_not_stalled() {
    let open = open(1, 1);
    let one = admit(&open, 1).await;
    one.connection.is_stalled(true);
    one.connection.is_stalled(false);
    assert!(timeout(Duration::from_secs(3600), open.admit(address(2))).await.is_err());
    assert!(!is_replaced(&one).await);
}

#[test]
fn an_address_of_ipv6_stands_for_its_network() {
    let parse = |text: &str| text.parse().expect("an address");
    assert_eq!(peer(parse("2001:db8:1:2:3:4:5:6")), peer(parse("2001:db8:1:2::1")));
    assert_ne!(peer(parse("2001:db8:1:2::1")), peer(parse("2001:db8:1:3::1")));
    assert_eq!(peer(parse("::ffff:10.0.0.1")), peer(parse("10.0.0.1")));
    assert_ne!(peer(parse("10.0.0.1")), peer(parse("10.0.0.2")));
}
