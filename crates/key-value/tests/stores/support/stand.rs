//! A store to test, with whatever it needs.

use super::servers::{Kind, Server};
use credwell_key_value::{Clock, KeyValue, StoreUrl, open_with_clock};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// The stores there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Memory,
    File,
    Redis,
    Nats,
}

/// An empty store, and what it stands on.
pub(crate) struct Stand {
    pub backend: Backend,
    pub store: Arc<dyn KeyValue>,
    clock: TestClock,
    _server: Option<Server>,
    _folder: TempDir,
}

impl Stand {
    /// None where the machine doesn't have the server, which is said.
    pub(crate) async fn new(backend: Backend, retention: Duration) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let server = match backend {
            Backend::Memory | Backend::File => None,
            Backend::Redis => Some(Server::start(Kind::Redis, "")?),
            Backend::Nats => Some(Server::start(Kind::Nats, JETSTREAM)?),
        };
        let place = match (&server, backend) {
            (Some(server), _) => server.url(),
            (None, Backend::File) => format!("redb:{}", folder.path().join("store.redb").display()),
            (None, _) => "memory:".to_owned(),
        };
        let url = format!("{place}?retention_seconds={}", retention.as_secs());
        let url: StoreUrl = url.parse().expect("a store's URL");
        let clock = TestClock::default();
        let store = open_with_clock(&url, clock.clock()).await.expect("the store opens");
        Some(Self { backend, store, clock, _server: server, _folder: folder })
    }

    /// Lets time pass by the store's clock.
    pub(crate) async fn pass(&self, time: Duration) {
        match self.backend {
            Backend::Memory | Backend::File => self.clock.advance(time),
            Backend::Redis | Backend::Nats => tokio::time::sleep(time).await,
        }
    }
}

/// The settings of a NATS server that keeps entries.
pub(crate) const JETSTREAM: &str = "jetstream { store_dir: \"FOLDER\" }";

/// A clock that goes on from the present when it is told to.
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

    /// Sets the clock back to where it was at first.
    pub(crate) fn set_back(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}
