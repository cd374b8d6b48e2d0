//! A scripted upstream on plain sockets: the script of a test reads and writes each connection.

use host_test::{Clock, Flavour, Harness, HarnessBuilder, Network};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

pub(super) const ACCOUNT: &str = "apn_EOhwvQr";

/// A running server. It stops when it is dropped.
pub(super) struct Server {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts a server that calls `script` for each connection, with the number of the connection, from 1.
    pub(super) async fn start<Script, Play>(script: Script) -> Self
    where
        Script: Fn(usize, TcpStream) -> Play + Send + 'static,
        Play: Future<Output = std::io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
        let address = listener.local_addr().expect("the port is bound");
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            let mut playing = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                // The result is ignored, because a client may hang up early.
                playing.spawn(script(count.fetch_add(1, Ordering::Relaxed) + 1, stream));
            }
        });
        Self { address, connections, task }
    }

    /// The number of connections so far.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads one request without a body, and returns its head, or None after the client has closed the
/// connection.
pub(super) async fn read_request(stream: &mut TcpStream) -> std::io::Result<Option<String>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(Some(String::from_utf8_lossy(&head).to_ascii_lowercase()))
}

/// The head and the body of the response for an account without an expiry.
pub(super) fn account(token: &str) -> [String; 2] {
    let body = format!(r#"{{"data":{{"id":"{ACCOUNT}","credentials":{{"oauth_access_token":"{token}"}}}}}}"#);
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    [format!("{head}content-length: {}\r\n\r\n", body.len()), body]
}

/// Writes the response for an account.
pub(super) async fn respond(stream: &mut TcpStream, token: &str) -> std::io::Result<()> {
    stream.write_all(account(token).concat().as_bytes()).await
}

/// Writes a text byte by byte, with a pause before each byte.
pub(super) async fn write_slowly(stream: &mut TcpStream, text: &str, pause: Duration) -> std::io::Result<()> {
    for byte in text.bytes() {
        tokio::time::sleep(pause).await;
        stream.write_u8(byte).await?;
    }
    Ok(())
}

/// A harness of the component with this upstream, without retries. `network` is the only network it can
/// reach.
pub(super) fn harness(base_url: String, network: Network) -> HarnessBuilder {
    Harness::builder(Flavour::Wasmtime)
        .network(network)
        // Sockets need real time.
        .clock(Clock::system())
        .config("credwell_base_url", base_url)
        .config("credwell_max_retries", "0")
}
