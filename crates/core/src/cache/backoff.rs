//! The backoff: the time for which the upstream is not asked again after a refresh that brought nothing new.

use crate::timestamp::UnixMilliseconds;
use crate::upstream::retry::doubling;
use core::time::Duration;

/// The longest backoff.
pub const LONGEST_BACKOFF: Duration = Duration::from_secs(300);

/// A refresh that brought nothing new, and the time of the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// What the refresh brought.
    pub cause: Cause,
    /// How many refreshes in a row had this cause.
    pub count: u32,
    /// The time from which the upstream may be asked again.
    pub retry_at: UnixMilliseconds,
}

/// The ways in which a refresh brings nothing new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The refresh failed.
    Failed,
    /// The refresh brought a token that was stale on arrival.
    Unchanged,
    /// The refresh brought the token that a caller had rejected.
    Rejected,
}

impl Backoff {
    /// The backoff after `earlier`. The count continues if the cause is the same. `wait` gives the time to
    /// wait for a count.
    pub fn after(
        earlier: Option<Self>,
        cause: Cause,
        now: UnixMilliseconds,
        wait: &dyn Fn(u32) -> Duration,
    ) -> Self {
        let earlier = earlier.filter(|backoff| backoff.cause == cause);
        let count = earlier.map_or(0, |backoff| backoff.count).saturating_add(1);
        Self { cause, count, retry_at: now.after(wait(count)) }
    }

    /// Whether the backoff is on at `now`.
    pub fn is_on(&self, now: UnixMilliseconds) -> bool {
        is_pending(self.retry_at, now)
    }
}

/// Whether a wait until `end` is still on at `now`. A wait beyond [`LONGEST_BACKOFF`] counts as over, because
/// the clock has stepped back since the wait began.
pub fn is_pending(end: UnixMilliseconds, now: UnixMilliseconds) -> bool {
    now < end && end <= now.after(LONGEST_BACKOFF)
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 3] = [Self::Failed, Self::Unchanged, Self::Rejected];

    /// The word for the cause in an entry.
    pub fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Unchanged => "unchanged",
            Self::Rejected => "rejected",
        }
    }
}

/// The wait after `n` failed refreshes in a row of a token that is still valid: `min(1 s × 2ⁿ⁻¹, 30 s)`, or
/// the upstream's `retry_after` if that is longer, and at most [`LONGEST_BACKOFF`].
pub fn after_failure(n: u32, retry_after: Option<Duration>) -> Duration {
    let wait = doubling(Duration::from_secs(1), Duration::from_secs(30), n.saturating_sub(1));
    wait.max(retry_after.unwrap_or_default()).min(LONGEST_BACKOFF)
}

/// The wait after `n` refreshes in a row brought a token that was stale on arrival: `min(5 s × 2ⁿ⁻¹, 5 min)`.
/// The upstream may need a moment for its own refresh.
pub fn after_unchanged(n: u32) -> Duration {
    doubling(Duration::from_secs(5), LONGEST_BACKOFF, n.saturating_sub(1))
}

/// The wait after `n` refreshes in a row brought the token that a caller had rejected:
/// `min(5 s × 2ⁿ⁻¹, 30 s)`. The caller has no usable token meanwhile, so the wait is short.
pub fn after_rejected(n: u32) -> Duration {
    doubling(Duration::from_secs(5), Duration::from_secs(30), n.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_continues_with_the_same_cause() {
        let now = UnixMilliseconds(7_000);
        let wait = |count| Duration::from_secs(u64::from(count));
        let first = Backoff::after(None, Cause::Failed, now, &wait);
        assert_eq!((first.count, first.retry_at), (1, UnixMilliseconds(8_000)));
        let second = Backoff::after(Some(first), Cause::Failed, now, &wait);
        assert_eq!((second.count, second.retry_at), (2, UnixMilliseconds(9_000)));
        let other = Backoff::after(Some(second), Cause::Rejected, now, &wait);
        assert_eq!((other.cause, other.count), (Cause::Rejected, 1));
    }

    #[test]
    fn waits_double_up_to_a_bound() {
        let seconds = |n: f64| Duration::from_secs_f64(n);
        assert_eq!([1, 2, 6, u32::MAX].map(|n| after_failure(n, None)), [1.0, 2.0, 30.0, 30.0].map(seconds));
        assert_eq!(
            [0, 7, 100_000].map(|retry_after| after_failure(1, Some(seconds(f64::from(retry_after))))),
            [1.0, 7.0, 300.0].map(seconds)
        );
        assert_eq!([1, 2, 3, 9].map(after_rejected), [5.0, 10.0, 20.0, 30.0].map(seconds));
        assert_eq!([1, 2, 3, 9].map(after_unchanged), [5.0, 10.0, 20.0, 300.0].map(seconds));
    }
}
