//! Tests of the core on an asynchronous host, as in WASI 0.3: one instance runs many calls at once. They show
//! that a shell for WASI 0.3 needs no change of the core.

use credwell_core::calls::credentials::Source;
use credwell_core::calls::{get_credentials, refresh_credentials};
use credwell_core::error::Error;
use credwell_core::ports::{
    Bucket, BucketLocation, Clock, Entropy, Limits, Request, Response, SettingsError, SettingsSource, Store,
    StoreError, TransportError, Upstream,
};
use credwell_core::secret::{ExposeSecret, SecretString};
use credwell_core::timestamp::UnixMilliseconds;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep};

const UPSTREAM_LATENCY: Duration = Duration::from_millis(300);
const STORE_LATENCY: Duration = Duration::from_millis(2);

/// A host on one thread. Each of its asynchronous operations waits.
struct Host {
    entries: Rc<RefCell<HashMap<String, Vec<u8>>>>,
    requests: Cell<u32>,
    started_at: Instant,
    entropy_reads: Cell<u8>,
}

impl Host {
    fn new() -> Rc<Self> {
        Rc::new(Self {
            entries: Rc::default(),
            requests: Cell::new(0),
            started_at: Instant::now(),
            entropy_reads: Cell::new(0),
        })
    }
}

impl Upstream for Host {
    async fn send(&self, request: &Request, limits: Limits) -> Result<Response, TransportError> {
        assert!(limits.total > UPSTREAM_LATENCY);
        self.requests.set(self.requests.get() + 1);
        let number = self.requests.get();
        sleep(UPSTREAM_LATENCY).await;
        let id = request.path_with_query.split('/').nth(3).unwrap();
        let body =
            format!(r#"{{"data":{{"id":"{id}","credentials":{{"oauth_access_token":"token-{number}"}}}}}}"#);
        Ok(Response {
            status: 200,
            retry_after: None,
            rate_limit_reset: None,
            body: body.into_bytes().into(),
        })
    }
}

impl Store for Host {
    type Bucket = MemoryBucket;

    async fn open(&self, _: &BucketLocation) -> Result<MemoryBucket, StoreError> {
        sleep(STORE_LATENCY).await;
        Ok(MemoryBucket(Rc::clone(&self.entries)))
    }
}

struct MemoryBucket(Rc<RefCell<HashMap<String, Vec<u8>>>>);

impl Bucket for MemoryBucket {
    const CAN_COUNT: bool = true;

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        sleep(STORE_LATENCY).await;
        Ok(self.0.borrow().get(key).cloned())
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        sleep(STORE_LATENCY).await;
        self.0.borrow_mut().insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        sleep(STORE_LATENCY).await;
        self.0.borrow_mut().remove(key);
        Ok(())
    }

    async fn increment(&self, key: &str, delta: u64) -> Result<u64, StoreError> {
        sleep(STORE_LATENCY).await;
        let mut entries = self.0.borrow_mut();
        let number = entries.entry(key.to_owned()).or_default();
        number.resize(number.len() + usize::try_from(delta).expect("a small number"), 0);
        Ok(number.len() as u64)
    }
}

impl Clock for Host {
    fn wall_time(&self) -> UnixMilliseconds {
        UnixMilliseconds(1_767_225_600_000).after(self.started_at.elapsed())
    }

    fn monotonic_time(&self) -> Duration {
        self.started_at.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        sleep(duration).await;
    }
}

impl Entropy for Host {
    fn fill(&self, bytes: &mut [u8]) {
        self.entropy_reads.set(self.entropy_reads.get().wrapping_add(1));
        bytes.fill(self.entropy_reads.get());
    }
}

impl SettingsSource for Host {
    async fn all(&self) -> Result<Vec<(String, SecretString)>, SettingsError> {
        tokio::task::yield_now().await;
        let keys = format!("k1:{}", "5a".repeat(32));
        Ok(vec![
            ("credwell_api_key".to_owned(), "pd_key".into()),
            ("credwell_encryption_keys".to_owned(), keys.into()),
        ])
    }
}

async fn get_token(host: &Host, account_id: &str) -> Result<(String, Source), Error> {
    let credentials = get_credentials(host, account_id).await?;
    let token = credentials.access_token.map(|token| token.expose_secret().to_owned());
    Ok((token.unwrap_or_default(), credentials.source))
}

#[tokio::test(start_paused = true)]
async fn many_calls_wait_at_the_same_time() {
    let host = Host::new();
    let tasks = LocalSet::new();
    for n in 0..50 {
        let host = Rc::clone(&host);
        tasks.spawn_local(async move {
            let (_, source) = get_token(&host, &format!("apn_{n}")).await.unwrap();
            assert_eq!(source, Source::Upstream);
        });
    }
    tasks.await;
    // All calls together take about one latency of the upstream.
    assert!(host.started_at.elapsed() < UPSTREAM_LATENCY * 2, "{:?}", host.started_at.elapsed());
    assert_eq!(host.requests.get(), 50);
    assert_eq!(host.entries.borrow().len(), 50);
    assert_eq!(get_token(&host, "apn_7").await.unwrap().1, Source::Cache);
}

#[tokio::test(start_paused = true)]
async fn of_many_calls_for_one_account_one_asks_the_upstream() {
    let host = Host::new();
    let tasks = LocalSet::new();
    for _ in 0..200 {
        let host = Rc::clone(&host);
        tasks.spawn_local(async move { get_token(&host, "apn_a").await.unwrap() });
    }
    tasks.await;
    assert_eq!(host.requests.get(), 1);
    assert!(host.started_at.elapsed() < UPSTREAM_LATENCY * 2, "{:?}", host.started_at.elapsed());
    // The lease was released: only the account's entry is left.
    assert_eq!(host.entries.borrow().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_leaves_the_cache_intact() {
    let host = Host::new();
    let (first, _) = get_token(&host, "apn_a").await.unwrap();
    // One call for each millisecond at which it can be cancelled.
    for milliseconds in 0..320 {
        let refresh = refresh_credentials(&*host, "apn_a", Some(first.as_str().into()));
        let _ = tokio::time::timeout(Duration::from_millis(milliseconds), refresh).await;
        let (_, source) = get_token(&host, "apn_a").await.unwrap();
        assert_eq!(source, Source::Cache);
    }
}
