//! The ports: the interfaces between the credential logic and its host. A shell implements them.
//!
//! The operations that can wait are asynchronous, so that an instance can run many calls at once (WASI 0.3).
//! The shell for WASI 0.2 blocks in them instead.

#![expect(
    async_fn_in_trait,
    reason = "a guest runs on one thread, so no caller needs the futures to be Send"
)]

use crate::secret::{SecretSlice, SecretString};
use crate::timestamp::UnixMilliseconds;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

/// All ports.
pub trait Ports: Upstream + Store + Clock + Entropy + SettingsSource {}

impl<T: Upstream + Store + Clock + Entropy + SettingsSource> Ports for T {}

/// The maximum size of a response's body, in bytes.
pub const MAXIMUM_BODY: usize = 1024 * 1024;

/// Sends HTTP requests.
pub trait Upstream {
    /// Sends one request and reads the response.
    ///
    /// The shell reads the body only if the status is 2xx, and never beyond [`MAXIMUM_BODY`]. It does not
    /// follow redirects, because the API key would go to the redirect's target.
    ///
    /// # Errors
    /// Why there is no response.
    async fn send(&self, request: &Request, limits: Limits) -> Result<Response, TransportError>;
}

/// The methods of the requests to the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `POST`
    Post,
}

impl Method {
    /// Whether a request can be repeated without a further effect (RFC 9110, section 9.2.2).
    pub fn is_idempotent(self) -> bool {
        match self {
            Self::Get => true,
            Self::Post => false,
        }
    }
}

/// An HTTP request.
#[derive(Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Whether to use TLS.
    pub secure: bool,
    /// The host, with the port if there is one.
    pub authority: String,
    /// The path and the query. Neither contains a secret.
    pub path_with_query: String,
    /// The headers: names in lower case, with their values.
    pub headers: Vec<(&'static str, SecretString)>,
    /// The body, if there is one.
    pub body: Option<SecretSlice<u8>>,
}

/// The time limits of one request and its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The time to connect.
    pub connect: Duration,
    /// The time from the connection to the first byte of the response.
    pub first_byte: Duration,
    /// The time between two reads of the body.
    pub between_bytes: Duration,
    /// The time for all of it together.
    pub total: Duration,
}

/// The parts of an HTTP response that the credential logic uses.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// `Retry-After` (RFC 9110, section 10.2.3).
    pub retry_after: Option<String>,
    /// `X-RateLimit-Reset`, a header without a standard.
    pub rate_limit_reset: Option<String>,
    /// The body. Empty unless the status is 2xx.
    pub body: SecretSlice<u8>,
}

/// Why a request has no response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// A limit has passed.
    #[error("{0}")]
    TimedOut(Phase),
    /// There was no connection, so no part of the request was sent. The text is the host's error code.
    #[error("{0}")]
    Unreachable(String),
    /// The connection broke, so the upstream may have received the request. The text is the host's error
    /// code.
    #[error("{0}")]
    ConnectionBroken(String),
    /// The host doesn't allow the request, so a retry is of no use. The text is the host's error code.
    #[error("{0}")]
    Denied(String),
    /// The body is larger than [`MAXIMUM_BODY`].
    #[error("the body has more than {MAXIMUM_BODY} bytes")]
    BodyTooLarge,
}

impl TransportError {
    /// Whether the same request can succeed later.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::TimedOut(_) | Self::Unreachable(_) | Self::ConnectionBroken(_) => true,
            Self::Denied(_) | Self::BodyTooLarge => false,
        }
    }

    /// Whether the request failed in a temporary way before any part of it was sent.
    pub fn precedes_the_request(&self) -> bool {
        match self {
            Self::TimedOut(Phase::Lookup | Phase::Connect) | Self::Unreachable(_) => true,
            Self::TimedOut(Phase::FirstByte | Phase::BetweenBytes | Phase::Deadline)
            | Self::ConnectionBroken(_)
            | Self::Denied(_)
            | Self::BodyTooLarge => false,
        }
    }
}

/// The part of a request that took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Phase {
    /// The DNS lookup.
    #[error("looking up its name took too long (DNS-timeout)")]
    Lookup,
    /// The connection.
    #[error("connecting took longer than credwell_connect_timeout_ms")]
    Connect,
    /// The wait for the first byte of the response.
    #[error("the answer began later than credwell_first_byte_timeout_ms allows")]
    FirstByte,
    /// The wait for more of the body.
    #[error("a pause in the answer was longer than credwell_between_bytes_timeout_ms")]
    BetweenBytes,
    /// The time until the call's deadline.
    #[error("the time that credwell_deadline_ms allows for this was up")]
    Deadline,
}

/// Opens buckets of a key-value store.
pub trait Store {
    /// An open bucket.
    type Bucket: Bucket;

    /// Opens the bucket at `location`.
    async fn open(&self, location: &BucketLocation) -> Result<Self::Bucket, StoreError>;
}

/// Where a bucket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BucketLocation {
    /// In the host's key-value store, with this name.
    Host(String),
    /// In the memory of the instance ([`crate::cache::instance_bucket`]): for hosts that have no store and
    /// use an instance for more than one request.
    Instance,
}

/// A bucket of a key-value store.
pub trait Bucket {
    /// Whether the shell implements [`increment`](Self::increment). It is a constant so that the compiler
    /// removes leases from a component without it.
    const CAN_COUNT: bool;

    /// The value under `key`.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Writes `value` under `key`.
    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError>;
    /// Removes `key`. A missing key is not an error.
    async fn delete(&self, key: &str) -> Result<(), StoreError>;
    /// Adds `delta` to the number under `key`, which is 0 if there is none, and returns the sum. The
    /// operation is atomic.
    async fn increment(&self, key: &str, delta: u64) -> Result<u64, StoreError>;
}

/// Why an operation of the store failed. The host's own message is left out, because it can contain secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The host has no such bucket.
    #[error("the host has no bucket of the name in credwell_bucket")]
    NoSuchBucket,
    /// The component has no access to the bucket.
    #[error("the host denies access to the bucket in credwell_bucket")]
    AccessDenied,
    /// Anything else.
    #[error("the host's key-value store failed")]
    Failed,
}

/// The clocks of the host.
pub trait Clock {
    /// The time of day. It can step forward and back.
    fn wall_time(&self) -> UnixMilliseconds;
    /// The time since an arbitrary fixed start. It never steps back.
    fn monotonic_time(&self) -> Duration;
    /// Waits for `duration`.
    async fn sleep(&self, duration: Duration);
}

/// A source of random bytes for cryptography.
pub trait Entropy {
    /// Fills `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);

    /// A random number from 0 up to 1, without 1.
    fn fraction(&self) -> f64 {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        f64::from(u32::from_le_bytes(bytes)) / (f64::from(u32::MAX) + 1.0)
    }
}

/// Reads the configuration of the host.
pub trait SettingsSource {
    /// The name and the value of every setting.
    async fn all(&self) -> Result<Vec<(String, SecretString)>, SettingsError>;
}

/// The host could not read its configuration. The host's own message is left out, because it can contain
/// secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host could not read its configuration (wasi:config/store get-all failed)")]
pub struct SettingsError;

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed([u8; 4]);

    impl Entropy for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.copy_from_slice(&self.0);
        }
    }

    #[test]
    fn a_fraction_is_from_0_up_to_1() {
        assert_eq!(Fixed([0; 4]).fraction().to_bits(), 0);
        assert_eq!(Fixed([0, 0, 0, 0x80]).fraction().to_bits(), 0.5_f64.to_bits());
        let largest = Fixed([0xff; 4]).fraction();
        assert!(largest < 1.0 && largest > 0.999_999_999);
    }
}
