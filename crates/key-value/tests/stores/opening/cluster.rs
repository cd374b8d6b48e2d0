//! Tests of the servers to which a store connects: those of its URL, and no others.

use super::encrypted::make_certificate;
use super::{open_url, refusal};
use crate::support::child;
use crate::support::servers::{Kind, Server};
use crate::support::test_store::JETSTREAM;
use credwell_key_value::OpenError;
use credwell_test_programs::available;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Longer than any test takes that passes.
const PATIENCE: Duration = Duration::from_secs(60);

/// The greeting of a NATS server without TLS.
const PLAINTEXT_INFO: &str = "INFO {\"server_id\":\"other\",\"tls_required\":false}\r\n";

/// A server without encryption. It greets each client, and records what the clients send.
struct Recorder {
    port: u16,
    records: Arc<Mutex<Vec<Vec<u8>>>>,
    _serving: JoinSet<()>,
}

impl Recorder {
    async fn start(greeting: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let records = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let (mut serving, written) = (JoinSet::new(), Arc::clone(&records));
        serving.spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                _ = client.write_all(greeting.as_bytes()).await;
                let mut bytes = vec![0; 1024];
                let count = client.read(&mut bytes).await.unwrap_or_default();
                bytes.truncate(count);
                written.lock().expect("no test panics with the lock").push(bytes);
            }
        });
        Self { port, records, _serving: serving }
    }

    fn records(&self) -> Vec<Vec<u8>> {
        self.records.lock().expect("no test panics with the lock").clone()
    }
}

/// An attacker on the network in front of a NATS server with TLS. The greeting of the server is not
/// encrypted, and the attacker adds the address of another server to it.
struct Attacker {
    port: u16,
    /// The number of connections so far.
    connections: watch::Receiver<u32>,
    /// True breaks the open connections, and every later one.
    breaks: watch::Sender<bool>,
    _serving: JoinSet<()>,
}

impl Attacker {
    async fn between(server: u16, advertised: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (count, connections) = watch::channel(0);
        let (breaks, broken) = watch::channel(false);
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut carrying = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                count.send_modify(|count| *count += 1);
                let mut broken = broken.clone();
                carrying.spawn(async move {
                    tokio::select! {
                        _ = broken.wait_for(|broken| *broken) => {}
                        _ = carry(client, server, advertised) => {}
                    }
                });
            }
        });
        Self { port, connections, breaks, _serving: serving }
    }
}

async fn carry(mut client: TcpStream, server: u16, advertised: u16) -> std::io::Result<()> {
    let mut server = BufReader::new(TcpStream::connect(("127.0.0.1", server)).await?);
    let mut greeting = String::new();
    server.read_line(&mut greeting).await?;
    let changed = format!("{{\"connect_urls\":[\"127.0.0.1:{advertised}\"],");
    client.write_all(greeting.replacen('{', &changed, 1).as_bytes()).await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

/// The child process, which trusts the certificate. Does nothing in the parent.
#[tokio::test(flavor = "multi_thread")]
async fn another_process_loses_its_server() {
    let Some(subject) = child::subject() else { return };
    let server = subject.parse().expect("a port");
    let neighbour = Recorder::start(PLAINTEXT_INFO).await;
    let mut attacker = Attacker::between(server, neighbour.port).await;
    let store = open_url(&format!("tls://someone:hunter2@127.0.0.1:{}", attacker.port)).await;
    let store = store.expect("the store opens");
    store.set("default", "key", b"value".to_vec()).await.expect("it is set");
    attacker.breaks.send_replace(true);
    // The client tries every server that it knows before it tries one of them again.
    let tried = attacker.connections.wait_for(|count| *count >= 4);
    tokio::time::timeout(PATIENCE, tried)
        .await
        .expect("the client reconnects")
        .expect("the attacker listens");
    let sent: Vec<_> =
        neighbour.records().iter().map(|it| String::from_utf8_lossy(it).into_owned()).collect();
    assert!(sent.is_empty(), "{sent:?}");
    println!("\ndone");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_advertised_server_without_tls_gets_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    if available("openssl", &make_certificate(folder.path()), "apt-get install openssl").is_none() {
        return;
    }
    let path = folder.path().display();
    let settings = format!(
        "{JETSTREAM}\nauthorization {{ user: someone, password: hunter2 }}\n\
         tls {{ cert_file: \"{path}/certificate.pem\", key_file: \"{path}/key.pem\" }}"
    );
    let Some(server) = Server::start(Kind::Nats, &settings) else { return };
    let test = "opening::cluster::another_process_loses_its_server";
    let mut trusting = child::command(test, &server.port().to_string());
    let output =
        trusting.env("SSL_CERT_FILE", folder.path().join("certificate.pem")).output().expect("it runs");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && stdout.lines().any(|line| line == "done"), "{stdout}");
}

/// The server says that it needs no TLS.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_gets_no_password() {
    for (scheme, greeting) in [("tls", PLAINTEXT_INFO), ("rediss", "")] {
        let server = Recorder::start(greeting).await;
        let url = format!("{scheme}://someone:hunter2@127.0.0.1:{}", server.port);
        let refused = refusal(&url, "hunter2").await;
        assert!(matches!(&refused, OpenError::Unreachable { .. }), "{refused:?}");
        let records = server.records();
        assert!(!records.is_empty(), "{scheme}");
        for record in records {
            // The first byte of a TLS handshake (RFC 8446, section 5.1).
            assert_eq!(record.first(), Some(&22), "{scheme}: {}", String::from_utf8_lossy(&record));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_of_a_cluster_is_enough() {
    let Some(server) = Server::start(Kind::Nats, JETSTREAM) else { return };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let dead = listener.local_addr().expect("an address");
    drop(listener);
    for servers in [format!("nats://{dead},{}", server.url()), format!("{},nats://{dead}", server.url())] {
        let store = open_url(&format!("{servers}?retention_seconds=60")).await.expect("the store opens");
        store.set("default", "key", b"value".to_vec()).await.expect("it is set");
    }
    let refused = refusal(&format!("nats://u:hunter2@{dead},nats://u:hunter2@{dead}"), "hunter2").await;
    assert!(
        matches!(&refused, OpenError::Unreachable { address, .. } if *address == format!("{dead}, {dead}"))
    );
}
