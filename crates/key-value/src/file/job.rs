//! A write that waits for its transaction, while its caller waits for the answer.

use super::Durable;
use super::entries::Entries;
use crate::key_value::KeyValueError;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

pub(super) struct Job {
    pub durable: Durable,
    work: Box<dyn Work>,
    /// What it takes of the queue's room, until it is done.
    _room: OwnedSemaphorePermit,
}

impl Job {
    pub(super) fn new<T: Send + 'static>(
        durable: Durable,
        work: impl FnOnce(&mut Entries<'_>) -> Result<Result<T, KeyValueError>, redb::Error> + Send + 'static,
        answer: oneshot::Sender<Result<T, KeyValueError>>,
        room: OwnedSemaphorePermit,
    ) -> Self {
        Self { durable, work: Box::new(Pending { work: Some(work), outcome: None, answer }), _room: room }
    }

    /// Does its part of the transaction. An error is one of the whole transaction.
    pub(super) fn apply(&mut self, entries: &mut Entries<'_>) -> Result<(), redb::Error> {
        self.work.apply(entries)
    }

    /// Tells the caller how it went, once the transaction is committed or has failed.
    pub(super) fn answer(self, committed: Result<(), KeyValueError>) {
        self.work.answer(committed);
    }
}

trait Work: Send {
    fn apply(&mut self, entries: &mut Entries<'_>) -> Result<(), redb::Error>;
    fn answer(self: Box<Self>, committed: Result<(), KeyValueError>);
}

struct Pending<W, T> {
    work: Option<W>,
    outcome: Option<Result<T, KeyValueError>>,
    answer: oneshot::Sender<Result<T, KeyValueError>>,
}

impl<W, T> Work for Pending<W, T>
where
    W: FnOnce(&mut Entries<'_>) -> Result<Result<T, KeyValueError>, redb::Error> + Send,
    T: Send,
{
    fn apply(&mut self, entries: &mut Entries<'_>) -> Result<(), redb::Error> {
        if let Some(work) = self.work.take() {
            self.outcome = Some(work(entries)?);
        }
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<(), KeyValueError>) {
        let outcome = match committed {
            Ok(()) => self.outcome,
            Err(error) => Some(Err(error)),
        };
        if let Some(outcome) = outcome {
            // A caller that has given up doesn't mind.
            _ = self.answer.send(outcome);
        }
    }
}
