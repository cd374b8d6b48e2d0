//! The record of a request: a line of the log, and numbers for the metrics. A record contains neither a
//! secret nor an account id.

use super::outcome::Outcome;
use super::response::Response;
use super::route::{self, Route};
use crate::cache::key::CacheKey;
use crate::error::WarningCase;
use crate::ports::{BucketLocation, Clock};
use crate::timestamp::UnixMilliseconds;
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

/// The number of hexadecimal digits that stand for an account in the log.
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
    /// The bucket whose counters count the request. None: the request is not counted.
    pub counted_in: Option<BucketLocation>,
    /// See [`Response::outcome`].
    pub outcome: Outcome,
    /// See [`Response::warnings`].
    pub warnings: Vec<WarningCase>,
    /// The duration of each request to the upstream.
    pub upstream_durations: Vec<Duration>,
}

impl Record {
    /// The record of a request that has just arrived.
    pub fn start(clock: &impl Clock, method: &str) -> Self {
        Self {
            began_at: clock.wall_time(),
            clock_at_start: clock.monotonic_time(),
            method: route::method_name(method),
            action: "none",
            account: None,
            status: 0,
            took: Duration::ZERO,
            counted_in: None,
            outcome: Outcome::Ok,
            warnings: Vec::new(),
            upstream_durations: Vec::new(),
        }
    }

    /// Records what the request asks for.
    pub fn route(&mut self, route: &Route<'_>) {
        self.action = route.action.name();
    }

    /// Records the account by the first digits of its cache key, which is a keyed hash.
    pub fn account(&mut self, cache_key: &CacheKey) {
        self.account = cache_key.digest.get(..ACCOUNT_DIGITS).map(str::to_owned);
    }

    /// Records the response.
    pub fn finish(&mut self, clock: &impl Clock, response: &Response, upstream_durations: Vec<Duration>) {
        self.took = clock.monotonic_time().saturating_sub(self.clock_at_start);
        self.status = response.status;
        self.outcome = response.outcome;
        self.warnings.clone_from(&response.warnings);
        self.upstream_durations = upstream_durations;
    }

    /// The line of the log: a JSON object. `time` is in milliseconds since 1970, durations are in
    /// milliseconds.
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
            warnings: Vec<&'static str>,
        }

        let line = Line {
            time: self.began_at.0,
            method: self.method,
            action: self.action,
            account: self.account.as_deref(),
            status: self.status,
            outcome: self.outcome.name(),
            duration: milliseconds(self.took),
            upstream_requests: self.upstream_durations.len(),
            upstream_duration: milliseconds(self.upstream_durations.iter().sum()),
            warnings: self.warnings.iter().map(|warning| warning.name()).collect(),
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
