//! A proxy that simulates a slow or silent network.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The state of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    /// Data arrives at once.
    Fine,
    /// Data arrives after a delay.
    Slow(Duration),
    /// No data arrives until the network is fine again.
    Silent,
}

/// A running proxy between clients and a server. It stops when it is dropped.
pub(crate) struct Proxy {
    port: u16,
    network: watch::Sender<Network>,
    /// Notifies the open connections that they must no longer carry data.
    strand: watch::Sender<()>,
    _serving: JoinSet<()>,
}

impl Proxy {
    /// Starts a proxy to the server on this port.
    pub(crate) async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let ((network, watched), (strand, stranded)) = (watch::channel(Network::Fine), watch::channel(()));
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (watched, mut stranded) = (watched.clone(), stranded.clone());
                stranded.mark_unchanged();
                connections.spawn(async move {
                    let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else { return };
                    let mut carrying = pin!(join(client, server, watched));
                    tokio::select! {
                        // The stranded connection stays open.
                        _ = stranded.changed() => pending().await,
                        () = &mut carrying => {}
                    }
                });
            }
        });
        Self { port, network, strand, _serving: serving }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn set(&self, network: Network) {
        self.network.send_replace(network);
    }

    /// Stops the data of all open connections, which stay open. New connections work.
    pub(crate) fn strand(&self) {
        self.strand.send_replace(());
    }
}

async fn join(client: TcpStream, server: TcpStream, network: watch::Receiver<Network>) {
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::select! {
        () = carry(from_client, to_server, network.clone()) => {}
        () = carry(from_server, to_client, network) => {}
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut network: watch::Receiver<Network>) {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let carries = network.wait_for(|network| *network != Network::Silent).await.is_ok();
        // A sender that has reset its connection has also discarded the data that a silent network held back.
        let is_reset = matches!(from.as_ref().take_error(), Err(_) | Ok(Some(_)));
        if !carries || is_reset || from.readable().await.is_err() {
            return;
        }
        let delay = match *network.borrow() {
            Network::Fine => Duration::ZERO,
            Network::Slow(delay) => delay,
            Network::Silent => continue,
        };
        let Ok(count @ 1..) = from.read(&mut bytes).await else { return };
        tokio::time::sleep(delay).await;
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
