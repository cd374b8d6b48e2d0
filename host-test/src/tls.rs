//! A TLS proxy for a server without TLS, with certificates that the test creates.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;

/// A certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// The authority's own certificate, as PEM.
    pub pem: String,
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// Creates an authority with a new key.
    ///
    /// # Panics
    ///
    /// The certificate can't be created.
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = parameters.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(parameters, key), pem }
    }

    /// The TLS configuration of a server with this host name. The certificate is valid from the beginning of
    /// 2000 to the beginning of the year `until`.
    ///
    /// # Panics
    ///
    /// The name isn't a valid host name.
    pub fn server(&self, name: &str, until: i32) -> ServerConfig {
        let key = KeyPair::generate().expect("a key");
        let mut parameters = CertificateParams::new([name.to_owned()]).expect("the name is valid");
        parameters.not_before = date_time_ymd(2000, 1, 1);
        parameters.not_after = date_time_ymd(until, 1, 1);
        let certificate = parameters.signed_by(&key, &self.issuer).expect("a certificate");
        ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.into()], key.into())
            .expect("the key is the certificate's")
    }
}

/// A TLS proxy on the loopback. It forwards each connection to one server, and stops when it is dropped.
pub struct Front {
    port: u16,
    handshakes: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Front {
    /// Starts the proxy on a free port. `target` is the host and port of the server.
    ///
    /// # Panics
    ///
    /// No port is free.
    pub async fn start(config: ServerConfig, target: String) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
        let port = listener.local_addr().expect("the port is bound").port();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let handshakes = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&handshakes);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, count, target) = (acceptor.clone(), Arc::clone(&count), target.clone());
                connections.spawn(async move {
                    let mut client = acceptor.accept(stream).await?;
                    count.fetch_add(1, Ordering::Relaxed);
                    copy_bidirectional(&mut client, &mut TcpStream::connect(target).await?).await
                });
            }
        });
        Self { port, handshakes, task }
    }

    /// The URL of the proxy.
    pub fn base_url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// The number of completed handshakes. A client that does not trust the certificate completes none.
    pub fn handshakes(&self) -> usize {
        self.handshakes.load(Ordering::Relaxed)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}
