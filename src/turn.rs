//! Single flight: of the callers that find an entry missing at the same time, in whatever instance of whatever host,
//! one asks the upstream. The others wait for what it brings.
//!
//! A turn is a number in the store. Whoever counts it up to one has the turn, and removes the number at its end. If it
//! doesn't, because it has died, the turn ends by itself: its key names a slice of time, and in the next slice there is
//! another number. So there can be two requests where a slice ends in the middle of one, and as many as slices where a
//! request takes longer than a slice.
//!
//! If asking fails, those who wait get the same failure (see [`crate::shared_failure`]), and whoever comes after them asks
//! anew. So an upstream that fails is asked by one at a time too, and nobody waits for more than one question's end.
//!
//! Where the host can't count in one step, everyone asks the upstream.

use crate::slot::Slot;
use crate::timestamp::UnixMilliseconds;
use core::time::Duration;

/// How long a slice is: the longest time that a turn of one who has died is waited for.
const SLICE: Duration = Duration::from_secs(10);

/// Whose turn it is.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    /// The caller's. It ends when the number under this key is removed.
    Mine(String),
    /// Somebody else's.
    Taken,
    /// Nobody knows: the host can't count in one step, or not now.
    Unknown,
}

/// The key of the turn for `slot` at `now`.
pub fn key(slot: &Slot, now: UnixMilliseconds) -> String {
    let slice = now.since(UnixMilliseconds(0)).as_secs() / SLICE.as_secs();
    [&slot.store_key, ".turn.", &slice.to_string()].concat()
}

/// How long to wait before looking again whether the one whose turn it is has brought something: 20 ms, and up to 60 ms
/// more by the jitter, from 0 up to 1, so that the waiting ones don't come in step.
pub fn pause(jitter: f64) -> Duration {
    Duration::from_millis(20) + Duration::from_millis(60).mul_f64(jitter)
}
