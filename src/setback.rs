//! What follows a refresh that brought nothing new: the upstream is left alone for a while.

use crate::timestamp::UnixMilliseconds;
use core::time::Duration;

/// The longest time that a refresh is put off.
pub const LONGEST_PUT_OFF: Duration = Duration::from_secs(300);

/// A refresh that brought nothing new, after which the upstream is left alone for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setback {
    /// What happened.
    pub cause: Cause,
    /// How often in a row.
    pub count: u32,
    /// When to ask again.
    pub retry_at: UnixMilliseconds,
}

/// How a refresh can bring nothing new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It failed.
    Failed,
    /// It brought a token that was due for a refresh when it came.
    Unchanged,
    /// It brought the token that a caller had rejected.
    Rejected,
}

impl Setback {
    /// The setback that follows `earlier`: the next one in a row if the cause is the same. `wait` gives the
    /// time to wait after so many.
    pub fn after(
        earlier: Option<Self>,
        cause: Cause,
        now: UnixMilliseconds,
        wait: &dyn Fn(u32) -> Duration,
    ) -> Self {
        let earlier = earlier.filter(|setback| setback.cause == cause);
        let count = earlier.map_or(0, |setback| setback.count).saturating_add(1);
        Self { cause, count, retry_at: now.after(wait(count)) }
    }

    /// Whether the wait goes on at `now`. A wait that is longer than any that is ever set doesn't: the clock has
    /// stepped back since.
    pub fn is_on(&self, now: UnixMilliseconds) -> bool {
        now < self.retry_at && self.retry_at <= now.after(LONGEST_PUT_OFF)
    }
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Failed, Self::Unchanged, Self::Rejected];

    /// Its word in an entry.
    pub fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Unchanged => "unchanged",
            Self::Rejected => "rejected",
        }
    }
}
