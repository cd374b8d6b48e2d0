//! The simulation: hosts with clocks of their own, a store that they share, and an upstream, in simulated
//! time. All of them run on one thread, and each of their operations waits, as in WASI 0.3.

use credwell_core::broker::{IncomingRequest, response};
use credwell_core::calls::credentials::Credentials;
use credwell_core::calls::{forget_credentials, get_credentials, refresh_credentials};
use credwell_core::error::Error;
use credwell_core::ports::{
    Bucket, BucketLocation, Clock, Entropy, Limits, Request, Response, SettingsError, SettingsSource, Store,
    StoreError, TransportError, Upstream,
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

/// An answer of the upstream.
#[derive(Clone)]
pub(crate) struct Answer {
    latency: Duration,
    result: Result<(u16, String), TransportError>,
    retry_after: Option<String>,
    rate_limit_reset: Option<String>,
}

impl Answer {
    /// An account with this token, which expires at this many seconds after the start.
    pub(crate) fn account(token: &str, expires_at: u64) -> Self {
        let expires_at = chrono::DateTime::from_timestamp_millis(START.after(seconds(expires_at)).0).unwrap();
        let expires_at = expires_at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        Self::body(&format!(
            r#"{{"data":{{"credentials":{{"oauth_access_token":"{token}"}},"expires_at":"{expires_at}"}}}}"#
        ))
    }

    /// A 200 with this body.
    pub(crate) fn body(body: &str) -> Self {
        Self::with(Ok((200, body.to_owned())))
    }

    /// An answer of this status, without a body.
    pub(crate) fn status(status: u16) -> Self {
        Self::with(Ok((status, String::new())))
    }

    /// No answer.
    pub(crate) fn failure(error: TransportError) -> Self {
        Self::with(Err(error))
    }

    /// No answer before any limit.
    pub(crate) fn stalling() -> Self {
        Self::status(200).after(seconds(1_000_000))
    }

    fn with(result: Result<(u16, String), TransportError>) -> Self {
        Self { latency: Duration::from_millis(300), result, retry_after: None, rate_limit_reset: None }
    }

    pub(crate) fn after(self, latency: Duration) -> Self {
        Self { latency, ..self }
    }

    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds.to_string()), ..self }
    }
}

/// What all hosts share.
pub(crate) struct World {
    started_at: Instant,
    values: RefCell<HashMap<String, Vec<u8>>>,
    answers: RefCell<VecDeque<Answer>>,
    last_answer: RefCell<Answer>,
    token_answer: RefCell<Answer>,
    last_limits: Cell<Option<Limits>>,
    /// The paths of the requests, and their headers `Authorization`.
    requests: RefCell<Vec<(String, String)>>,
    /// The time that each operation of the store takes.
    pub(crate) store_latency: Cell<Duration>,
    /// The store's sum for each increment, in place of the real one.
    pub(crate) false_sum: Cell<Option<u64>>,
    /// The operations of the store that fail.
    pub(crate) failing: RefCell<Vec<&'static str>>,
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
            last_answer: RefCell::new(Answer::account("one", 3600)),
            token_answer: RefCell::new(Answer::body(
                r#"{"access_token": "client-token", "expires_in": 3600}"#,
            )),
            last_limits: Cell::default(),
            requests: RefCell::default(),
            store_latency: Cell::new(Duration::from_millis(2)),
            false_sum: Cell::new(None),
            failing: RefCell::default(),
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
    pub(crate) fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        let mut answers: VecDeque<_> = answers.into_iter().collect();
        if let Some(last) = answers.back() {
            *self.last_answer.borrow_mut() = last.clone();
        }
        answers.pop_back();
        *self.answers.borrow_mut() = answers;
    }

    /// The answer to all requests for a token of the OAuth client.
    pub(crate) fn answer_tokens(&self, answer: Answer) {
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
    entropy_reads: Cell<u8>,
}

/// What a caller of the broker sees.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HashMap<&'static str, String>,
    pub(crate) body: serde_json::Value,
}

impl Reply {
    pub(crate) fn token(&self) -> &str {
        self.body["data"]["credentials"]["oauth_access_token"].as_str().unwrap_or_default()
    }
}

impl Host {
    pub(crate) async fn get(&self, account_id: &str) -> Result<Credentials, Error> {
        get_credentials(self, account_id).await
    }

    pub(crate) async fn refresh(
        &self,
        account_id: &str,
        rejected: Option<&str>,
    ) -> Result<Credentials, Error> {
        refresh_credentials(self, account_id, rejected.map(SecretString::from)).await
    }

    pub(crate) async fn forget(&self, account_id: &str) -> Result<(), Error> {
        forget_credentials(self, account_id).await
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
        let (response, _) = credwell_core::broker::respond(self, &request).await;
        let response::Response { status, headers, body, .. } = response;
        let body = serde_json::from_slice(body.expose_secret()).unwrap_or_default();
        Reply { status, headers: headers.into_iter().collect(), body }
    }
}

impl Upstream for Host {
    async fn send(&self, request: &Request, limits: Limits) -> Result<Response, TransportError> {
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
        Ok(Response { status, retry_after, rate_limit_reset, body: body.into_bytes().into() })
    }
}

impl Store for Host {
    type Bucket = OpenBucket;

    async fn open(&self, _: &BucketLocation) -> Result<OpenBucket, StoreError> {
        sleep(self.world.store_latency.get()).await;
        let bucket = OpenBucket { world: Rc::clone(&self.world), read: RefCell::default() };
        bucket.check("open")?;
        Ok(bucket)
    }
}

/// An open bucket of the store that all hosts share.
pub(crate) struct OpenBucket {
    world: Rc<World>,
    read: RefCell<HashMap<String, Option<Vec<u8>>>>,
}

impl OpenBucket {
    fn check(&self, operation: &str) -> Result<(), StoreError> {
        let fails = self.world.failing.borrow().contains(&operation);
        if fails { Err(StoreError::Failed) } else { Ok(()) }
    }
}

impl Bucket for OpenBucket {
    const CAN_COUNT: bool = true;

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        sleep(self.world.store_latency.get()).await;
        self.check("get")?;
        let value = self.world.values.borrow().get(key).cloned();
        if !self.world.reads_are_cached.get() {
            return Ok(value);
        }
        Ok(self.read.borrow_mut().entry(key.to_owned()).or_insert(value).clone())
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        let latency = self.world.store_latency.get();
        sleep(if self.world.next_write_is_slow.take() { seconds(1) } else { latency }).await;
        self.check("set")?;
        self.world.values.borrow_mut().insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        sleep(self.world.store_latency.get()).await;
        self.check("delete")?;
        self.world.values.borrow_mut().remove(key);
        Ok(())
    }

    async fn increment(&self, key: &str, delta: u64) -> Result<u64, StoreError> {
        sleep(self.world.store_latency.get()).await;
        self.check("increment")?;
        if let Some(sum) = self.world.false_sum.get() {
            return Ok(sum);
        }
        let mut values = self.world.values.borrow_mut();
        let value = values.entry(key.to_owned()).or_insert_with(|| vec![0; 8]);
        let sum = u64::from_le_bytes(value.as_slice().try_into().unwrap()) + delta;
        *value = sum.to_le_bytes().to_vec();
        Ok(sum)
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

/// Runs `count` calls at the same time and returns their results with the time that each took.
pub(crate) async fn crowd<T: 'static, F: Future<Output = T> + 'static>(
    world: &Rc<World>,
    count: usize,
    call: impl Fn(usize) -> F,
) -> Vec<(T, Duration)> {
    queue(world, count, Duration::ZERO, call).await
}

/// Like [`crowd`], but each call begins this time after the one before it.
pub(crate) async fn queue<T: 'static, F: Future<Output = T> + 'static>(
    world: &Rc<World>,
    count: usize,
    gap: Duration,
    call: impl Fn(usize) -> F,
) -> Vec<(T, Duration)> {
    let tasks = tokio::task::LocalSet::new();
    let handles: Vec<_> = (0..count)
        .map(|n| {
            let (call, world) = (call(n), Rc::clone(world));
            tasks.spawn_local(async move {
                sleep(gap * u32::try_from(n).expect("a small number")).await;
                let began_at = world.elapsed();
                let result = call.await;
                (result, world.elapsed() - began_at)
            })
        })
        .collect();
    tasks.await;
    let mut results = Vec::new();
    for handle in handles {
        results.push(handle.await.expect("no call panics"));
    }
    results
}

/// Runs `call`, but not during this time: as if its host were frozen.
pub(crate) async fn frozen_during<T>(
    world: &World,
    frozen: std::ops::Range<Duration>,
    call: impl Future<Output = T>,
) -> T {
    let mut call = std::pin::pin!(call);
    let mut thaw = std::pin::pin!(sleep(frozen.end.saturating_sub(world.elapsed())));
    std::future::poll_fn(|context| {
        let is_frozen = thaw.as_mut().poll(context).is_pending() && frozen.contains(&world.elapsed());
        if is_frozen { std::task::Poll::Pending } else { call.as_mut().poll(context) }
    })
    .await
}

/// The access token of a result.
pub(crate) fn token(result: &Result<Credentials, Error>) -> &str {
    match result {
        Ok(credentials) => credentials.access_token.as_ref().map_or("", |token| token.expose_secret()),
        Err(error) => panic!("{error}"),
    }
}
