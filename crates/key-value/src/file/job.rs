//! The job of the writer's thread: one write, and the channel on which its caller waits for the result.

use super::SyncMode;
use super::entries::Entries;
use crate::key_value::KeyValueError;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

pub(super) struct Job {
    pub sync: SyncMode,
    work: Box<dyn Work>,
    /// The job's share of the queue's capacity. Dropped with the job.
    _capacity: OwnedSemaphorePermit,
}

impl Job {
    pub(super) fn new<T: Send + 'static>(
        sync: SyncMode,
        work: impl FnOnce(&mut Entries<'_>) -> Result<Result<T, KeyValueError>, redb::Error> + Send + 'static,
        reply: oneshot::Sender<Result<T, KeyValueError>>,
        capacity: OwnedSemaphorePermit,
    ) -> Self {
        Self { sync, work: Box::new(Pending { work: Some(work), result: None, reply }), _capacity: capacity }
    }

    /// Runs the write within the transaction. An error fails the whole transaction.
    pub(super) fn apply(&mut self, entries: &mut Entries<'_>) -> Result<(), redb::Error> {
        self.work.apply(entries)
    }

    /// Sends the result to the caller, after the transaction is committed or has failed.
    pub(super) fn reply(self, committed: Result<(), KeyValueError>) {
        self.work.reply(committed);
    }
}

/// A [`Pending`] write, without the types of its work and result.
trait Work: Send {
    fn apply(&mut self, entries: &mut Entries<'_>) -> Result<(), redb::Error>;
    fn reply(self: Box<Self>, committed: Result<(), KeyValueError>);
}

struct Pending<W, T> {
    work: Option<W>,
    result: Option<Result<T, KeyValueError>>,
    reply: oneshot::Sender<Result<T, KeyValueError>>,
}

impl<W, T> Work for Pending<W, T>
where
    W: FnOnce(&mut Entries<'_>) -> Result<Result<T, KeyValueError>, redb::Error> + Send,
    T: Send,
{
    fn apply(&mut self, entries: &mut Entries<'_>) -> Result<(), redb::Error> {
        if let Some(work) = self.work.take() {
            self.result = Some(work(entries)?);
        }
        Ok(())
    }

    fn reply(self: Box<Self>, committed: Result<(), KeyValueError>) {
        let result = match committed {
            Ok(()) => self.result,
            Err(error) => Some(Err(error)),
        };
        if let Some(result) = result {
            // Sending fails if the caller has stopped waiting. That is no error.
            _ = self.reply.send(result);
        }
    }
}
