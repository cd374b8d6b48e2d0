//! The host of the broker's fuzz target. None of its operations waits, so time passes in its sleeps alone.

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

/// A token of a caller in managed mode.
pub(crate) const TOKEN: &str = "broker-token-0123456789abcdef0123456789abcdef";

/// The API key in the configuration.
pub(crate) const KEY: &str = "pd_configured_0123456789abcdef";

/// An answer of the upstream: the status and the body, or no answer, and `Retry-After`.
pub(crate) type Reply = (Option<(u16, Vec<u8>)>, Option<String>);

/// What the host does.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// Whether the broker is in managed mode. Otherwise in pass-through mode.
    pub(crate) is_managed: bool,
    /// The upstream's answers in turn.
    pub(crate) answers: Vec<Reply>,
    /// The operation of the store that fails.
    pub(crate) failing: Option<&'static str>,
    /// Whether entries are kept in the instance.
    pub(crate) is_kept_in_instance: bool,
}

pub(crate) struct Host {
    script: Script,
    now: Cell<Duration>,
    asked: Cell<usize>,
    values: Rc<RefCell<HashMap<String, Vec<u8>>>>,
    entropy_reads: Cell<u8>,
}

impl Host {
    pub(crate) fn new(script: Script) -> Self {
        Self {
            script,
            now: Cell::new(Duration::ZERO),
            asked: Cell::new(0),
            values: Rc::default(),
            entropy_reads: Cell::new(0),
        }
    }

    pub(crate) fn advance(&self, duration: Duration) {
        self.now.set(self.now.get() + duration);
    }

    /// The number of requests to the upstream.
    pub(crate) fn asked(&self) -> usize {
        self.asked.get()
    }
}

impl Upstream for Host {
    async fn send(&self, request: &Request, _: Limits) -> Result<Response, TransportError> {
        // No caller chooses the place of a request, or sees the configured key sent elsewhere.
        assert!(request.secure && request.authority == "api.pipedream.com", "{request:?}");
        let id = request.path_with_query.strip_prefix("/v1/accounts/apn_").expect("a path of an account");
        let id = id.strip_suffix("/credentials").expect("a path of credentials");
        assert!(!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
        for (name, value) in &request.headers {
            let value = value.expose_secret();
            assert!(value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '), "{name}");
            assert!(self.script.is_managed || !value.contains(KEY) || *name == "authorization");
            assert!(!(self.script.is_managed && value.contains(TOKEN)), "{name}");
        }
        self.advance(Duration::from_millis(90));
        let turn = self.asked.get();
        self.asked.set(turn + 1);
        let (answer, retry_after) = self.script.answers[turn % self.script.answers.len()].clone();
        let broken = || TransportError::ConnectionBroken("connection-terminated".to_owned());
        let (status, body) = answer.ok_or_else(broken)?;
        let body = if (200..300).contains(&status) { body } else { Vec::new() };
        Ok(Response { status, retry_after, rate_limit_reset: None, body: body.into() })
    }
}

impl Store for Host {
    type Bucket = OpenBucket;

    async fn open(&self, _: &BucketLocation) -> Result<OpenBucket, StoreError> {
        let bucket = OpenBucket { values: Rc::clone(&self.values), failing: self.script.failing };
        bucket.check("open")?;
        Ok(bucket)
    }
}

pub(crate) struct OpenBucket {
    values: Rc<RefCell<HashMap<String, Vec<u8>>>>,
    failing: Option<&'static str>,
}

impl OpenBucket {
    fn check(&self, operation: &str) -> Result<(), StoreError> {
        if self.failing == Some(operation) { Err(StoreError::Failed) } else { Ok(()) }
    }
}

impl Bucket for OpenBucket {
    const CAN_COUNT: bool = true;

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.check("get")?;
        Ok(self.values.borrow().get(key).cloned())
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.check("set")?;
        self.values.borrow_mut().insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.check("delete")?;
        self.values.borrow_mut().remove(key);
        Ok(())
    }

    async fn increment(&self, key: &str, delta: u64) -> Result<u64, StoreError> {
        self.check("increment")?;
        let mut values = self.values.borrow_mut();
        let value = values.entry(key.to_owned()).or_insert_with(|| vec![0; 8]);
        let sum = u64::from_le_bytes(value.as_slice().try_into().map_err(|_| StoreError::Failed)?) + delta;
        *value = sum.to_le_bytes().to_vec();
        Ok(sum)
    }
}

impl Clock for Host {
    fn wall_time(&self) -> UnixMilliseconds {
        UnixMilliseconds(1_767_225_603_400).after(self.now.get())
    }

    fn monotonic_time(&self) -> Duration {
        self.now.get()
    }

    async fn sleep(&self, duration: Duration) {
        self.advance(duration);
    }
}

impl Entropy for Host {
    fn fill(&self, bytes: &mut [u8]) {
        self.entropy_reads.set(self.entropy_reads.get().wrapping_add(41));
        bytes.fill(self.entropy_reads.get());
    }
}

impl SettingsSource for Host {
    async fn all(&self) -> Result<Vec<(String, SecretString)>, SettingsError> {
        let Script { is_managed, is_kept_in_instance, .. } = self.script;
        let mut settings = if is_managed {
            vec![
                ("credwell_broker_mode", "managed"),
                ("credwell_broker_tokens", TOKEN),
                ("credwell_broker_accounts", "*"),
                ("credwell_api_key", KEY),
            ]
        } else {
            vec![("credwell_broker_mode", "pass-through")]
        };
        if is_kept_in_instance {
            settings.push(("credwell_broker_store", "instance"));
        } else {
            settings.push(("credwell_encryption_keys", ENCRYPTION_KEYS));
        }
        Ok(settings.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect())
    }
}

const ENCRYPTION_KEYS: &str = "k1:5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";
