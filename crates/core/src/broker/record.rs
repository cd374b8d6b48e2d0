//! What is kept of a request: a line of the log, and numbers for the metrics. No secret, and no account's id.

use super::response::Response;
use super::route::Route;
use crate::cache::key::CacheKey;
use crate::ports::{BucketLocation, Clock};
use crate::timestamp::UnixMilliseconds;
use core::time::Duration;

/// How many hexadecimal digits tell accounts apart in the log.
const ACCOUNT_DIGITS: usize = 16;

/// A request that was answered.
#[derive(Debug)]
pub struct Record {
    began_at: UnixMilliseconds,
    clock_at_start: Duration,
    method: &'static str,
    action: &'static str,
    account: Option<String>,
    status: u16,
    took: Duration,
    /// Where the request counts for the metrics; none: nowhere.
    pub counted_in: Option<BucketLocation>,
    /// See [`Response::outcome`].
    pub outcome: &'static str,
    /// See [`Response::warnings`].
    pub warnings: Vec<&'static str>,
    /// How long each request to the upstream took.
    pub exchanges: Vec<Duration>,
}

impl Record {
    /// Begins with the request.
    pub fn start(clock: &impl Clock, method: &str) -> Self {
        const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH"];
        Self {
            began_at: clock.wall_time(),
            clock_at_start: clock.monotonic_time(),
            // Whatever else a caller calls a method doesn't get into the log.
            method: METHODS.into_iter().find(|known| *known == method).unwrap_or("other"),
            action: "none",
            account: None,
            status: 0,
            took: Duration::ZERO,
            counted_in: None,
            outcome: "",
            warnings: Vec::new(),
            exchanges: Vec::new(),
        }
    }

    /// Notes what was asked for.
    pub fn route(&mut self, route: &Route<'_>) {
        self.action = route.action.name();
    }

    /// Notes the account: by the first digits of its key in the store, which is a keyed hash.
    pub fn account(&mut self, cache_key: &CacheKey) {
        self.account = cache_key.store_key.get(..ACCOUNT_DIGITS).map(str::to_owned);
    }

    /// Ends with the answer.
    pub fn finish(&mut self, clock: &impl Clock, answer: &Response, exchanges: Vec<Duration>) {
        self.took = clock.monotonic_time().saturating_sub(self.clock_at_start);
        self.status = answer.status;
        self.outcome = answer.outcome;
        self.warnings.clone_from(&answer.warnings);
        self.exchanges = exchanges;
    }

    /// The line of the log: a JSON object. `time` is in milliseconds since 1970, durations are in milliseconds.
    pub fn to_line(&self) -> String {
        #[derive(serde::Serialize)]
        struct Line<'a> {
            time: i64,
            method: &'a str,
            action: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            account: Option<&'a str>,
            status: u16,
            outcome: &'a str,
            duration: u64,
            upstream_requests: usize,
            upstream_duration: u64,
            warnings: &'a [&'static str],
        }

        let line = Line {
            time: self.began_at.0,
            method: self.method,
            action: self.action,
            account: self.account.as_deref(),
            status: self.status,
            outcome: self.outcome,
            duration: milliseconds(self.took),
            upstream_requests: self.exchanges.len(),
            upstream_duration: milliseconds(self.exchanges.iter().sum()),
            warnings: &self.warnings,
        };
        let mut text = serde_json::to_string(&line).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// Whole milliseconds.
pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
