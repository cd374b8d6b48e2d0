//! The simulation: hosts with clocks of their own, a store that they share, and an upstream, in simulated
//! time. All of them run on one thread, and each of their operations waits, as in WASI 0.3.

mod crowd;
mod reply;
mod store;
mod upstream_reply;

pub(crate) use crowd::{crowd, frozen_during, queue, token};
pub(crate) use reply::Reply;
pub(crate) use upstream_reply::UpstreamReply;

use credwell_core::broker::IncomingRequest;
use credwell_core::broker::configuration::BrokerConfiguration;
use credwell_core::broker::record::Record;
use credwell_core::broker::response::Response;
use credwell_core::calls::credentials::Credentials;
use credwell_core::calls::{forget_credentials, get_credentials, refresh_credentials};
use credwell_core::configuration::{Configuration, Kept};
use credwell_core::error::Error;
use credwell_core::ports::{
    Clock, Entropy, Limits, Request, Response as UpstreamResponse, SettingsError, SettingsSource,
    TransportError, Upstream,
};
use credwell_core::secret::{ExposeSecret, SecretString};
use credwell_core::timestamp::UnixMilliseconds;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The time of day at the start of each simulation: 2026-01-01T00:00:03.4Z. It is not a multiple of the
/// length of a slice.
pub(crate) const START: UnixMilliseconds = UnixMilliseconds(1_767_225_603_400);

/// The account of most tests.
pub(crate) const ACCOUNT: &str = "apn_a";

/// A number of seconds.
pub(crate) const fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

/// What all hosts share.
pub(crate) struct World {
    started_at: Instant,
    values: RefCell<HashMap<String, Vec<u8>>>,
    answers: RefCell<VecDeque<UpstreamReply>>,
    last_answer: RefCell<UpstreamReply>,
    token_answer: RefCell<UpstreamReply>,
    last_limits: Cell<Option<Limits>>,
    /// The paths of the requests, and their headers `Authorization`.
    requests: RefCell<Vec<(String, String)>>,
    /// The time that each operation of the store takes.
    pub(crate) store_latency: Cell<Duration>,
    /// The store's sum for each increment, in place of the real one.
    pub(crate) false_sum: Cell<Option<u64>>,
    /// The operations of the store that fail.
    pub(crate) failing: RefCell<Vec<&'static str>>,
    /// The number of buckets that open until one doesn't. Those after it open again.
    pub(crate) opens_before_failure: Cell<Option<u32>>,
    /// Whether an open bucket shows values as they were when the bucket first read them.
    pub(crate) reads_are_cached: Cell<bool>,
    /// Whether the next write waits for a second.
    pub(crate) next_write_is_slow: Cell<bool>,
}

impl World {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            started_at: Instant::now(),
            values: RefCell::default(),
            answers: RefCell::default(),
            last_answer: RefCell::new(UpstreamReply::account("one", 3600)),
            token_answer: RefCell::new(UpstreamReply::body(
                r#"{"access_token": "client-token", "expires_in": 3600}"#,
            )),
            last_limits: Cell::default(),
            requests: RefCell::default(),
            store_latency: Cell::new(Duration::from_millis(2)),
            false_sum: Cell::new(None),
            failing: RefCell::default(),
            opens_before_failure: Cell::new(None),
            reads_are_cached: Cell::new(false),
            next_write_is_slow: Cell::new(false),
        })
    }

    /// A host with the right time, and an API key in its configuration.
    pub(crate) fn host(self: &Rc<Self>) -> Rc<Host> {
        self.host_with(0, &[])
    }

    /// A host whose clock is this many seconds ahead, with these settings.
    pub(crate) fn host_with(self: &Rc<Self>, ahead: i64, settings: &[(&str, &str)]) -> Rc<Host> {
        let defaults = [
            ("credwell_api_key", "pd_key".to_owned()),
            ("credwell_encryption_keys", format!("k1:{}", "5a".repeat(32))),
            ("credwell_max_retries", "0".to_owned()),
        ];
        let mut all: HashMap<_, _> =
            defaults.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        for (name, value) in settings {
            match *value {
                "" => all.remove(*name),
                value => all.insert((*name).to_owned(), value.to_owned()),
            };
        }
        Rc::new(Host {
            world: Rc::clone(self),
            ahead: Cell::new(ahead),
            settings: all,
            kept: Kept::new(),
            kept_of_broker: Kept::new(),
            entropy_reads: Cell::new(0),
        })
    }

    /// A host with the broker in pass-through mode.
    pub(crate) fn broker(self: &Rc<Self>, settings: &[(&str, &str)]) -> Rc<Host> {
        let mut all = vec![("credwell_api_key", ""), ("credwell_broker_mode", "pass-through")];
        all.extend(settings);
        self.host_with(0, &all)
    }

    /// The answers to the next requests for accounts, and then to all further ones.
    pub(crate) fn answer(&self, answers: impl IntoIterator<Item = UpstreamReply>) {
        let mut answers: VecDeque<_> = answers.into_iter().collect();
        if let Some(last) = answers.back() {
            *self.last_answer.borrow_mut() = last.clone();
        }
        answers.pop_back();
        *self.answers.borrow_mut() = answers;
    }

    /// The answer to all requests for a token of the OAuth client.
    pub(crate) fn answer_tokens(&self, answer: UpstreamReply) {
        *self.token_answer.borrow_mut() = answer;
    }

    /// The time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started_at.elapsed()
    }

    /// Waits until this time since the start.
    pub(crate) async fn sleep_until(&self, time: Duration) {
        tokio::time::sleep_until(self.started_at + time).await;
    }

    /// The number of requests for accounts.
    pub(crate) fn count(&self) -> usize {
        self.requests.borrow().iter().filter(|(path, _)| !path.contains("oauth")).count()
    }

    /// The header `Authorization` of the last request.
    pub(crate) fn last_authorization(&self) -> String {
        self.requests.borrow().last().map(|(_, authorization)| authorization.clone()).unwrap_or_default()
    }

    /// The limits of the last request.
    pub(crate) fn last_limits(&self) -> Option<Limits> {
        self.last_limits.get()
    }

    /// The number of requests for tokens of the OAuth client.
    pub(crate) fn token_count(&self) -> usize {
        self.requests.borrow().len() - self.count()
    }

    /// The keys of all values in the store, in order.
    pub(crate) fn keys(&self) -> Vec<String> {
        let mut keys: Vec<_> = self.values.borrow().keys().cloned().collect();
        keys.sort();
        keys
    }

    /// Everything in the store.
    pub(crate) fn snapshot(&self) -> HashMap<String, Vec<u8>> {
        self.values.borrow().clone()
    }
}

/// A host on one thread.
pub(crate) struct Host {
    world: Rc<World>,
    ahead: Cell<i64>,
    settings: HashMap<String, String>,
    kept: Kept<Configuration>,
    kept_of_broker: Kept<BrokerConfiguration>,
    entropy_reads: Cell<u8>,
}

impl Host {
    pub(crate) async fn get(&self, account_id: &str) -> Result<Credentials, Error> {
        get_credentials(self, &self.kept, account_id).await
    }

    pub(crate) async fn refresh(
        &self,
        account_id: &str,
        rejected: Option<&str>,
    ) -> Result<Credentials, Error> {
        refresh_credentials(self, &self.kept, account_id, rejected.map(SecretString::from)).await
    }

    pub(crate) async fn forget(&self, account_id: &str) -> Result<(), Error> {
        forget_credentials(self, &self.kept, account_id).await
    }

    /// Sends a request to the broker.
    pub(crate) async fn send(&self, method: &str, id: &str, key: &str, cache_control: Option<&str>) -> Reply {
        let path = if method == "POST" { "credentials/refresh" } else { "credentials" };
        let request = IncomingRequest {
            method: method.to_owned(),
            path_with_query: format!("/v1/accounts/{id}/{path}"),
            authorization: Some(format!("Bearer {key}").into()),
            cache_control: cache_control.map(str::to_owned),
            body: Some(Vec::new().into()),
        };
        let (reply, _) = self.respond(&request).await;
        reply
    }

    /// Answers a request to the broker.
    pub(crate) async fn respond(&self, request: &IncomingRequest) -> (Reply, Record) {
        let (response, record) = credwell_core::broker::respond(self, &self.kept_of_broker, request).await;
        let Response { status, headers, body, .. } = response;
        let text = String::from_utf8(body.expose_secret().to_vec()).expect("a body is text");
        let body = serde_json::from_str(&text).unwrap_or_default();
        (Reply { status, headers: headers.into_iter().collect(), body, text }, record)
    }
}

impl Upstream for Host {
    async fn send(&self, request: &Request, limits: Limits) -> Result<UpstreamResponse, TransportError> {
        let world = &self.world;
        let authorization = request.headers.iter().find(|(name, _)| *name == "authorization");
        let authorization = authorization.map_or("", |(_, value)| value.expose_secret());
        world.requests.borrow_mut().push((request.path_with_query.clone(), authorization.to_owned()));
        let answer = match request.path_with_query.contains("oauth") {
            true => world.token_answer.borrow().clone(),
            false => {
                let next = world.answers.borrow_mut().pop_front();
                next.unwrap_or_else(|| world.last_answer.borrow().clone())
            }
        };
        world.last_limits.set(Some(limits));
        let limit = limits.first_byte.min(limits.total);
        if answer.latency > limit {
            sleep(limit).await;
            return Err(TransportError::TimedOut(credwell_core::ports::Phase::FirstByte));
        }
        sleep(answer.latency).await;
        let (status, body) = answer.result?;
        let (retry_after, rate_limit_reset) = (answer.retry_after, answer.rate_limit_reset);
        Ok(UpstreamResponse { status, retry_after, rate_limit_reset, body: body.into_bytes().into() })
    }
}

impl Clock for Host {
    fn wall_time(&self) -> UnixMilliseconds {
        let now = START.after(self.world.elapsed());
        UnixMilliseconds(now.0 + self.ahead.get() * 1000)
    }

    fn monotonic_time(&self) -> Duration {
        // Each host has a start of its own.
        self.world.elapsed() + seconds(self.ahead.get().unsigned_abs() * 77)
    }

    async fn sleep(&self, duration: Duration) {
        sleep(duration).await;
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
        tokio::task::yield_now().await;
        let settings = self.settings.iter();
        Ok(settings.map(|(name, value)| (name.clone(), value.as_str().into())).collect())
    }
}
