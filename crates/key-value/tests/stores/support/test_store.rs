//! An empty store for a test, with its server or file and its clock.

use super::servers::{Kind, Server};
use credwell_key_value::{Clock, KeyValue, StoreUrl, open_with_clock};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// The kinds of stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Memory,
    File,
    Redis,
    Nats,
}

/// An empty store, with its clock, server and folder.
pub(crate) struct TestStore {
    pub backend: Backend,
    pub store: Arc<dyn KeyValue>,
    clock: TestClock,
    _server: Option<Server>,
    _folder: TempDir,
}

impl TestStore {
    /// Opens an empty store. `None` if this machine doesn't have the server: the test is skipped.
    pub(crate) async fn new(backend: Backend, retention: Duration) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let server = match backend {
            Backend::Memory | Backend::File => None,
            Backend::Redis => Some(Server::start(Kind::Redis, "")?),
            Backend::Nats => Some(Server::start(Kind::Nats, JETSTREAM)?),
        };
        let location = match (&server, backend) {
            (Some(server), _) => server.url(),
            (None, Backend::File) => format!("redb:{}", folder.path().join("store.redb").display()),
            (None, _) => "memory:".to_owned(),
        };
        let url = format!("{location}?retention_seconds={}", retention.as_secs());
        let url: StoreUrl = url.parse().expect("a store's URL");
        let clock = TestClock::default();
        let store = open_with_clock(&url, clock.clock()).await.expect("the store opens");
        Some(Self { backend, store, clock, _server: server, _folder: folder })
    }

    /// Advances the store's clock. Waits if the clock is that of a server.
    pub(crate) async fn advance(&self, time: Duration) {
        match self.backend {
            Backend::Memory | Backend::File => self.clock.advance(time),
            Backend::Redis | Backend::Nats => tokio::time::sleep(time).await,
        }
    }
}

/// The configuration of a NATS server with JetStream.
pub(crate) const JETSTREAM: &str = "jetstream { store_dir: \"FOLDER\" }";

/// A clock that starts at the present time and moves only with [`advance`](Self::advance).
#[derive(Clone, Default)]
pub(crate) struct TestClock(Arc<AtomicU64>);

impl TestClock {
    pub(crate) fn clock(&self) -> Clock {
        let (start, offset) = (SystemTime::now(), self.0.clone());
        Clock::from_fn(move || start + Duration::from_millis(offset.load(Ordering::Relaxed)))
    }

    pub(crate) fn advance(&self, time: Duration) {
        let milliseconds = u64::try_from(time.as_millis()).expect("a short time");
        self.0.fetch_add(milliseconds, Ordering::Relaxed);
    }

    /// Sets the clock back to its start.
    pub(crate) fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}
