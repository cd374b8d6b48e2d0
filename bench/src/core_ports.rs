//! Ports of the core in the memory of this process: they fill a store without a server, and run the core
//! natively.

use anyhow::Context;
use credwell_core::calls::credentials::Credentials;
use credwell_core::calls::get_credentials;
use credwell_core::configuration::{Configuration, Kept};
use credwell_core::ports::{
    Bucket, BucketLocation, Clock, Entropy, Limits, Request, Response, SettingsError, SettingsSource, Store,
    StoreError, TransportError, Upstream,
};
use credwell_core::secret::SecretString;
use credwell_core::timestamp::UnixMilliseconds;
use credwell_key_value::KeyValue;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::upstream::document;

/// The number of entries in one write to a store.
const BATCH: u64 = 2_000;

/// The name of a bucket and a key in it.
type EntryKey = (String, String);

/// The ports. The upstream answers at once with an account of its own for each id.
pub struct CorePorts {
    settings: Vec<(String, String)>,
    kept: Kept<Configuration>,
    body_bytes: usize,
    started_at: Instant,
    values: Rc<RefCell<BTreeMap<EntryKey, Vec<u8>>>>,
}

/// A bucket of [`CorePorts`].
pub struct CoreBucket {
    name: String,
    values: Rc<RefCell<BTreeMap<EntryKey, Vec<u8>>>>,
}

impl CorePorts {
    /// Ports with these settings, whose names are those of `wasi:config`. The upstream's documents have
    /// `body_bytes` bytes.
    pub fn new(settings: &[(String, String)], body_bytes: usize) -> Self {
        let values = Rc::default();
        Self {
            settings: settings.to_vec(),
            kept: Kept::new(),
            body_bytes,
            started_at: Instant::now(),
            values,
        }
    }

    /// Calls `get-credentials`. No port waits, so the call is done when it returns.
    ///
    /// # Errors
    ///
    /// The call failed. The text is its message.
    pub async fn get(&self, account_id: &str) -> anyhow::Result<Credentials> {
        get_credentials(self, &self.kept, account_id).await.map_err(|error| anyhow::anyhow!("{error}"))
    }

    /// Takes all values.
    fn take(&self) -> BTreeMap<EntryKey, Vec<u8>> {
        self.values.take()
    }
}

/// Fills a store with the entries of `count` accounts, whose names are `prefix` and a number from 1. The
/// entries are those that a component with these settings writes.
///
/// # Errors
///
/// A setting is wrong, or the store failed.
pub async fn fill(
    store: &dyn KeyValue,
    settings: &[(String, String)],
    prefix: &str,
    count: u64,
    body_bytes: usize,
) -> anyhow::Result<()> {
    let mut first = 1;
    while first <= count {
        let last = count.min(first + BATCH - 1);
        let (settings, prefix) = (settings.to_vec(), prefix.to_owned());
        let sealed = move || seal(&settings, &prefix, first..=last, body_bytes);
        let values = tokio::task::spawn_blocking(sealed).await.context("the sealing panicked")??;
        let mut buckets = BTreeMap::<_, Vec<_>>::new();
        for ((bucket, key), value) in values {
            buckets.entry(bucket).or_default().push((key, value));
        }
        for (bucket, entries) in buckets {
            store.set_many(&bucket, entries).await?;
        }
        first = last + 1;
    }
    Ok(())
}

fn seal(
    settings: &[(String, String)],
    prefix: &str,
    numbers: impl Iterator<Item = u64>,
    body_bytes: usize,
) -> anyhow::Result<BTreeMap<EntryKey, Vec<u8>>> {
    let ports = CorePorts::new(settings, body_bytes);
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    for number in numbers {
        runtime.block_on(ports.get(&format!("apn_{prefix}{number}")))?;
    }
    Ok(ports.take())
}

impl Upstream for CorePorts {
    async fn send(&self, request: &Request, _: Limits) -> Result<Response, TransportError> {
        let id = request.path_with_query.split('/').nth(3).unwrap_or_default();
        let body = document(id, self.body_bytes, 1).into_bytes().into();
        Ok(Response { status: 200, retry_after: None, rate_limit_reset: None, body })
    }
}

impl Store for CorePorts {
    type Bucket = CoreBucket;

    async fn open(&self, location: &BucketLocation) -> Result<CoreBucket, StoreError> {
        let BucketLocation::Host(name) = location else { return Err(StoreError::NoSuchBucket) };
        Ok(CoreBucket { name: name.clone(), values: Rc::clone(&self.values) })
    }
}

impl CoreBucket {
    fn key(&self, key: &str) -> EntryKey {
        (self.name.clone(), key.to_owned())
    }
}

impl Bucket for CoreBucket {
    // As in the credentials component.
    const CAN_COUNT: bool = false;

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.values.borrow().get(&self.key(key)).cloned())
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.values.borrow_mut().insert(self.key(key), value.to_vec());
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.values.borrow_mut().remove(&self.key(key));
        Ok(())
    }

    async fn increment(&self, _: &str, _: u64) -> Result<u64, StoreError> {
        Err(StoreError::Failed)
    }
}

impl Clock for CorePorts {
    fn wall_time(&self) -> UnixMilliseconds {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixMilliseconds(i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic_time(&self) -> Duration {
        self.started_at.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

impl Entropy for CorePorts {
    #[expect(clippy::expect_used, reason = "without entropy no nonce may be used")]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the system has entropy");
    }
}

impl SettingsSource for CorePorts {
    async fn all(&self) -> Result<Vec<(String, SecretString)>, SettingsError> {
        let settings = self.settings.iter();
        Ok(settings.map(|(name, value)| (name.clone(), SecretString::from(value.as_str()))).collect())
    }
}
