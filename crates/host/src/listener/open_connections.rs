//! The open connections of a listener, and the bounds on their number.
//!
//! At the bound of a peer, a new connection of the peer replaces one that no request needs: the one whose
//! peer has stopped reading the longest ago, or else the one that was used the longest ago. At the bound of
//! all peers, a new connection replaces one whose peer has stopped reading, or one of a peer that has more
//! connections. Otherwise it waits.

use super::connections::ConnectionLimits;
use crate::{Metrics, lock};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// The bits of an IPv6 address that stand for one peer. The other bits are the peer's own to choose.
const IPV6_PREFIX: u128 = !0 << 64;

/// The open connections of one listener.
pub(super) struct OpenConnections {
    limits: ConnectionLimits,
    permits: Arc<Semaphore>,
    table: Arc<Table>,
}

struct Table {
    entries: Mutex<Entries>,
    /// Notified when a connection begins to stall.
    stalled: Notify,
    metrics: Option<Metrics>,
}

#[derive(Default)]
struct Entries {
    next_id: u64,
    entries: HashMap<u64, Entry>,
}

/// A connection that is not to be closed.
struct Entry {
    peer: IpAddr,
    /// `None` while a request other than for `/healthz` is answered.
    unused_since: Option<Instant>,
    /// Since when the peer has taken nothing of what is written.
    stalled_since: Option<Instant>,
    close: Arc<Notify>,
}

impl Entry {
    /// The entries with the smallest order are the first to be replaced. `None` if a request needs the
    /// connection.
    fn order(&self) -> Option<(bool, Instant)> {
        let stalled = self.stalled_since.map(|since| (false, since));
        stalled.or_else(|| self.unused_since.map(|since| (true, since)))
    }
}

impl OpenConnections {
    pub(super) fn new(limits: ConnectionLimits, metrics: Option<Metrics>) -> Self {
        let table = Table { entries: Mutex::default(), stalled: Notify::new(), metrics };
        Self { limits, permits: Arc::new(Semaphore::new(limits.connections)), table: Arc::new(table) }
    }

    /// Makes room for a connection, and waits for it if all peers together are at their bound. `None` if the
    /// peer is at its bound and its requests need all of its connections.
    pub(super) async fn admit(&self, address: SocketAddr) -> Option<OpenConnection> {
        let peer = peer(address.ip());
        if self.table.count(peer) >= self.limits.connections_per_peer
            && !self.table.replace("replaced", |entry| (entry.peer == peer).then(|| entry.order())?)
        {
            self.table.count_closed("too-many");
            return None;
        }
        let permit = loop {
            let permit = Arc::clone(&self.permits).acquire_owned();
            if self.permits.available_permits() > 0 || self.make_room(peer) {
                break permit.await.ok()?;
            }
            tokio::select! {
                biased;
                permit = permit => break permit.ok()?,
                () = self.table.stalled.notified() => {}
            }
        };
        let (id, close) = self.table.insert(peer);
        Some(OpenConnection {
            connection: Connection { peer: address, id, table: Arc::clone(&self.table) },
            close,
            _permit: permit,
        })
    }

    /// Closes a connection for one of this peer. Returns whether there is one to close.
    fn make_room(&self, peer: IpAddr) -> bool {
        if self.table.replace("stalled", |entry| entry.stalled_since) {
            return true;
        }
        let larger = self.table.larger_peer(peer);
        self.table.replace("replaced", |entry| (Some(entry.peer) == larger).then(|| entry.order())?)
    }
}

/// The peer that an address stands for.
fn peer(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & IPV6_PREFIX).into(),
        address @ IpAddr::V4(_) => address,
    }
}

impl Table {
    fn insert(&self, peer: IpAddr) -> (u64, Arc<Notify>) {
        let mut entries = lock(&self.entries);
        let (id, close) = (entries.next_id, Arc::new(Notify::new()));
        entries.next_id += 1;
        let entry = Entry {
            peer,
            unused_since: Some(Instant::now()),
            stalled_since: None,
            close: Arc::clone(&close),
        };
        entries.entries.insert(id, entry);
        (id, close)
    }

    fn count(&self, peer: IpAddr) -> usize {
        lock(&self.entries).entries.values().filter(|entry| entry.peer == peer).count()
    }

    /// The peer with the most connections, if it still has as many as `peer` when it has given one up.
    fn larger_peer(&self, peer: IpAddr) -> Option<IpAddr> {
        let mut counts = HashMap::new();
        for entry in lock(&self.entries).entries.values() {
            *counts.entry(entry.peer).or_insert(0_usize) += 1;
        }
        let own = counts.get(&peer).copied().unwrap_or_default();
        let (larger, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
        (count >= own + 2).then_some(larger)
    }

    /// Closes the connection with the smallest order. Returns whether there is one with an order.
    fn replace<Order: Ord>(&self, reason: &'static str, order: impl Fn(&Entry) -> Option<Order>) -> bool {
        let mut entries = lock(&self.entries);
        let ordered = entries.entries.iter().filter_map(|(id, entry)| Some((order(entry)?, *id)));
        let Some((_, id)) = ordered.min() else { return false };
        // The entry goes at once, so that the connection is neither counted nor replaced again.
        if let Some(entry) = entries.entries.remove(&id) {
            entry.close.notify_one();
            self.count_closed(reason);
        }
        true
    }

    fn change(&self, id: u64, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = lock(&self.entries).entries.get_mut(&id) {
            change(entry);
        }
    }

    fn count_closed(&self, reason: &'static str) {
        if let Some(metrics) = &self.metrics {
            metrics.connection_closed(reason);
        }
    }
}

/// An open connection, until the drop.
pub(super) struct OpenConnection {
    pub connection: Connection,
    close: Arc<Notify>,
    _permit: OwnedSemaphorePermit,
}

impl OpenConnection {
    /// Waits until another connection has replaced this one.
    pub(super) async fn replaced(&self) {
        self.close.notified().await;
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        lock(&self.connection.table.entries).entries.remove(&self.connection.id);
    }
}

/// What a connection's requests and writes tell about the connection.
#[derive(Clone)]
pub(crate) struct Connection {
    /// The address of the connection's peer.
    pub peer: SocketAddr,
    id: u64,
    table: Arc<Table>,
}

impl Connection {
    /// Marks the connection as needed until the guard is dropped.
    pub(crate) fn used(&self) -> Used {
        self.table.change(self.id, |entry| entry.unused_since = None);
        Used(self.clone())
    }

    /// Records whether the peer takes what is written.
    pub(super) fn is_stalled(&self, is_stalled: bool) {
        self.table.change(self.id, |entry| entry.stalled_since = is_stalled.then(Instant::now));
        if is_stalled {
            self.table.stalled.notify_one();
        }
    }

    /// Records the end of a connection whose peer has taken nothing for too long.
    pub(super) fn has_timed_out(&self) {
        self.table.count_closed("stalled");
    }
}

/// A mark of a connection as needed, which the drop takes back.
pub(crate) struct Used(Connection);

impl Drop for Used {
    fn drop(&mut self) {
        self.0.table.change(self.0.id, |entry| entry.unused_since = Some(Instant::now()));
    }
}

#[cfg(test)]
#[path = "open_connections/tests.rs"]
pub(super) mod tests;
