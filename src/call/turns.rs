//! The steps of a call that are about turns: of many calls for one account, one asks the upstream.

use super::Call;
use crate::entry::Entry;
use crate::error::Error;
use crate::freshness::is_from_the_future;
use crate::ports::{Bucket, Phase, Ports};
use crate::shared_failure;
use crate::slot::Slot;
use crate::timestamp::UnixMilliseconds;
use crate::turn::{self, Turn};

/// What to do with nothing that serves in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask the upstream: it is this call's turn, or nobody knows whose.
    Ask,
    /// Wait: somebody else asks it.
    Wait,
    /// Look into the cache again: the turn has just begun, and another one may have ended just before.
    LookAgain,
}

impl<P: Ports> Call<'_, P> {
    /// What to do with nothing that serves in hand: whose turn it is to ask the upstream decides.
    pub async fn next_step(&mut self) -> Step {
        if !P::Bucket::CAN_COUNT || self.turn.is_some() {
            return Step::Ask;
        }
        match self.cache.take_turn(&self.slot).await {
            Turn::Mine(key) => {
                self.turn = Some(key);
                Step::LookAgain
            }
            Turn::Taken => Step::Wait,
            Turn::Unknown => Step::Ask,
        }
    }

    /// Waits a little for the one whose turn it is.
    ///
    /// # Errors
    /// [`Error::TimedOut`] once the deadline has passed, and the other one's error if asking the upstream has failed.
    pub async fn wait_for_turn(&mut self) -> Result<(), Error> {
        if !P::Bucket::CAN_COUNT {
            // There are no turns, so this isn't reached, which the compiler doesn't see.
            return Ok(());
        }
        let since = *self.waiting_since.get_or_insert_with(|| self.ports.wall_time());
        let remaining = self.deadline().remaining(self.ports);
        if remaining.is_zero() {
            return Err(Error::TimedOut(Phase::Deadline));
        }
        self.ports.sleep(turn::pause(self.ports.fraction()).min(remaining)).await;
        match self.others_failure(since).await {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    async fn others_failure(&mut self, since: UnixMilliseconds) -> Option<Error> {
        let slot = Slot::of_failure(self.configuration, &self.account_id);
        let entry = self.cache.read(&slot).await?;
        let failed_at = entry.header.fetched_at;
        let is_new = failed_at >= since && !is_from_the_future(failed_at, self.ports.wall_time());
        shared_failure::error(&entry).filter(|_| is_new)
    }

    /// Ends the call's turn, if it has one. What it has brought is in the cache by then.
    pub async fn end_turn(&mut self) {
        if let Some(key) = self.turn.take() {
            self.cache.end_turn(&key).await;
        }
    }

    /// The failure that those get who wait, if anyone can.
    pub(super) fn shared_failure(&self, error: &Error) -> Option<Entry> {
        let is_waited_for = P::Bucket::CAN_COUNT && self.turn.is_some();
        is_waited_for.then(|| shared_failure::entry(error, self.ports.wall_time()))?
    }
}
