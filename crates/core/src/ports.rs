//! What the credential logic needs of the world around it. A shell implements these over its host.
//!
//! The operations that can wait are asynchronous, so that a host that runs many calls in one instance
//! (WASI 0.3) can go on with another; the WASI 0.2 shell blocks in them instead.

#![expect(
    async_fn_in_trait,
    reason = "a guest runs on one thread, so no caller needs the futures to be Send"
)]

use crate::secret::{SecretSlice, SecretString};
use crate::timestamp::UnixMilliseconds;
use core::time::Duration;

/// Everything that a call needs.
pub trait Ports: Upstream + Store + Clock + Entropy + SettingsSource {}

impl<T: Upstream + Store + Clock + Entropy + SettingsSource> Ports for T {}

/// The most that a response's body may have, in bytes.
pub const MAXIMUM_BODY: usize = 1024 * 1024;

/// Sends HTTP requests.
pub trait Upstream {
    /// Sends one request and reads the answer.
    ///
    /// The body is read only for a 2xx status, and never beyond [`MAXIMUM_BODY`]. A redirect is an answer
    /// like any other: following it would send the key elsewhere.
    async fn send(&self, request: &Request, limits: Limits) -> Result<Response, TransportError>;
}

/// The methods that the upstream's API is called with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `POST`
    Post,
}

/// An HTTP request.
#[derive(Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Whether it goes over TLS.
    pub secure: bool,
    /// Host and port.
    pub authority: String,
    /// Path and query. Neither ever holds a secret.
    pub path_with_query: String,
    /// Names in lower case, and their values.
    pub headers: Vec<(&'static str, SecretString)>,
    /// The body, if there is one.
    pub body: Option<SecretSlice<u8>>,
}

/// How long the parts of one exchange may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Until the connection stands.
    pub connect: Duration,
    /// From then until the first byte of the answer.
    pub first_byte: Duration,
    /// Between two reads of the body.
    pub between_bytes: Duration,
    /// All of it together.
    pub total: Duration,
}

/// The parts of an HTTP response that are used.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// `Retry-After` (RFC 9110, section 10.2.3).
    pub retry_after: Option<String>,
    /// `X-RateLimit-Reset`, a header without a standard.
    pub rate_limit_reset: Option<String>,
    /// The body; empty unless the status is 2xx.
    pub body: SecretSlice<u8>,
}

/// Why a request got no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// A limit was reached.
    #[error("{0}")]
    TimedOut(Phase),
    /// The connection could not be made, or it broke. The text is the host's error code.
    #[error("{0}")]
    Unreachable(String),
    /// The host doesn't allow the request. Sending it again won't help. The text is the host's error code.
    #[error("{0}")]
    Denied(String),
    /// The body is larger than [`MAXIMUM_BODY`].
    #[error("the body has more than {MAXIMUM_BODY} bytes")]
    BodyTooLarge,
}

/// The part of an exchange that took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Phase {
    /// Finding the address.
    #[error("looking up its name took too long (DNS-timeout)")]
    Lookup,
    /// Connecting to it.
    #[error("connecting took longer than credwell_connect_timeout_ms")]
    Connect,
    /// Waiting for the first byte of the answer.
    #[error("the answer began later than credwell_first_byte_timeout_ms allows")]
    FirstByte,
    /// Waiting for more of the body.
    #[error("a pause in the answer was longer than credwell_between_bytes_timeout_ms")]
    BetweenBytes,
    /// The whole call.
    #[error("the time that credwell_deadline_ms allows for this was up")]
    Deadline,
}

/// Opens buckets of a key-value store.
pub trait Store {
    /// An open bucket.
    type Bucket: Bucket;

    /// Opens the bucket in `place`.
    async fn open(&self, place: &BucketLocation) -> Result<Self::Bucket, StoreError>;
}

/// Where a bucket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BucketLocation {
    /// In the host's key-value store, under this name.
    Host(String),
    /// In the memory of the instance, as [`crate::cache::instance_bucket`] says: for hosts that have no store, and use an
    /// instance for more than one request.
    Instance,
}

/// A bucket of a key-value store.
pub trait Bucket {
    /// Whether the shell has [`increment`](Self::increment). What has no use without it is left out of a component
    /// that hasn't.
    const CAN_COUNT: bool;

    /// The value under `key`.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Puts `value` under `key`.
    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError>;
    /// Removes `key`, whether it is there or not.
    async fn delete(&self, key: &str) -> Result<(), StoreError>;
    /// Adds `delta` to the number under `key`, which is 0 where there is none, and gives the sum, all in one step.
    async fn increment(&self, key: &str, delta: u64) -> Result<u64, StoreError>;
}

/// Why an operation of the store failed. The host's own words are left out: nothing says what they cached_account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The host has no such bucket.
    #[error("the host has no bucket of the name in credwell_bucket")]
    NoSuchBucket,
    /// The host keeps the component out of the bucket.
    #[error("the host denies access to the bucket in credwell_bucket")]
    AccessDenied,
    /// Anything else.
    #[error("the host's key-value store failed")]
    Failed,
}

/// Tells the time and lets it pass.
pub trait Clock {
    /// The time of day. It can jump, back as well as forth.
    fn wall_time(&self) -> UnixMilliseconds;
    /// The time since some fixed moment. It never steps back.
    fn monotonic_time(&self) -> Duration;
    /// Waits.
    async fn sleep(&self, duration: Duration);
}

/// A source of random bytes that nobody can guess.
pub trait Entropy {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);

    /// A number from 0 up to, and without, 1.
    fn fraction(&self) -> f64 {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        f64::from(u32::from_le_bytes(bytes)) / (f64::from(u32::MAX) + 1.0)
    }
}

/// Reads the configuration that the host gives.
pub trait SettingsSource {
    /// Every name and its value.
    async fn all(&self) -> Result<Vec<(String, SecretString)>, SettingsError>;
}

/// The host could not read its configuration. Its own words are left out: nothing says what they cached_account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host could not read its configuration (wasi:config/store get-all failed)")]
pub struct SettingsError;
