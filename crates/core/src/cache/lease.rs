//! The lease: the right to ask the upstream for one account, which at most one call holds at a time.
//!
//! A lease makes a single flight. Of the calls that find an entry missing at the same time, in any instance
//! on any host, the one that acquires the lease asks the upstream. The other calls wait for its result.
//!
//! A lease is a number in the store. The call that increments the number to one holds the lease, and deletes
//! the number when it is done. The key of the number contains the current slice of time. If the holder dies,
//! the lease ends with its slice, because the next slice has another number. So there can be two requests
//! where a slice ends during a request, and one request for each slice that a long request spans.
//!
//! If the holder's request fails, the waiting calls get the same failure (see `calls::shared_failure`). Later
//! calls ask the upstream again. So one call at a time asks a failing upstream, and no call waits for more
//! than one request.
//!
//! Where the host has no atomic increment, each call asks the upstream.

use super::key::CacheKey;
use crate::timestamp::UnixMilliseconds;
use core::time::Duration;

/// The length of a slice: the longest time for which the lease of a dead holder lasts.
const SLICE: Duration = Duration::from_secs(10);

/// The result of an attempt to acquire a lease.
#[derive(Debug, PartialEq, Eq)]
pub enum Lease {
    /// The call holds the lease until it deletes the number under this key.
    Acquired(String),
    /// Another call holds the lease.
    HeldElsewhere,
    /// The store can't tell: it has no atomic increment, or the increment failed.
    Unavailable,
}

/// The key of the number that stands for the lease of `cache_key` at `now`.
pub fn key(cache_key: &CacheKey, now: UnixMilliseconds) -> String {
    let slice = now.since(UnixMilliseconds(0)).as_secs() / SLICE.as_secs();
    // `turn` is the name that earlier versions have written into stores.
    [&cache_key.store_key, ".turn.", &slice.to_string()].concat()
}

/// The pause between two lookups of a waiting call: 20 ms, and up to 60 ms more. The jitter, from 0 up to 1,
/// keeps the waiting calls from reading the store at the same moment.
pub fn pause(jitter: f64) -> Duration {
    Duration::from_millis(20) + Duration::from_millis(60).mul_f64(jitter)
}
