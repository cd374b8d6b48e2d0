//! The one thread that writes. While it syncs a transaction, writes gather for the next one, which are synced together.

use super::Durable;
use super::database::Shared;
use super::entries::Entries;
use super::job::Job;
use crate::key_value::KeyValueError;
use crate::open::OpenError;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, oneshot};

/// What may wait to be written, in KiB. A caller beyond it waits until there is room.
const ROOM: u32 = 64 * 1024;

/// The most writes in one transaction.
const BATCH: usize = 256;

/// The most expired entries that are removed in one transaction.
const SWEEP: usize = 256;

/// How often expired entries are looked for, unless they live for less.
const SWEEP_PERIOD: Duration = Duration::from_secs(60);

/// How long counted numbers wait for a sync, and how long writes are refused after one has failed.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Writer {
    /// None once it is being dropped.
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    room: Arc<Semaphore>,
}

impl Writer {
    /// Writes to the database for the first time, to see that it can be done, and starts the thread.
    pub(super) fn start(shared: Arc<Shared>) -> Result<Self, OpenError> {
        let (path, text) = (shared.path().to_owned(), |error: KeyValueError| error.to_string());
        let failed = |reason| OpenError::FileFailed { path, reason };
        let first = shared.write(Durable::Now, |entries| entries.sweep(SWEEP).map(drop));
        let (sender, jobs) = channel();
        let writing = Writing { shared, jobs, unsynced: None, failed: None, swept: Instant::now() };
        let thread = first.map_err(text).and_then(|()| {
            let thread = Builder::new().name("credwell-store".to_owned()).spawn(move || writing.run());
            thread.map_err(|error| error.to_string())
        });
        let thread = Some(thread.map_err(failed)?);
        Ok(Self { jobs: Some(sender), thread, room: Arc::new(Semaphore::new(ROOM as usize)) })
    }

    /// Writes, and waits until that is committed. `bytes` is about what `work` holds.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        durable: Durable,
        bytes: usize,
        work: impl FnOnce(&mut Entries<'_>) -> Result<Result<T, KeyValueError>, redb::Error> + Send + 'static,
    ) -> Result<T, KeyValueError> {
        let ended = || KeyValueError::Failed("the thread that writes has ended".to_owned());
        let kibibytes = u32::try_from(1 + bytes / 1024).unwrap_or(ROOM).min(ROOM);
        let room = self.room.clone().acquire_many_owned(kibibytes).await.map_err(|_| ended())?;
        let (answer, answered) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(ended)?;
        jobs.send(Job::new(durable, work, answer, room)).map_err(|_| ended())?;
        answered.await.unwrap_or_else(|_| Err(ended()))
    }
}

/// Waits until all is written. The database syncs what isn't when it is closed, behind this.
impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // Its panic is on the standard error already.
            _ = thread.join();
        }
    }
}

struct Writing {
    shared: Arc<Shared>,
    jobs: Receiver<Job>,
    /// Since when something waits for a sync.
    unsynced: Option<Instant>,
    /// When writing failed last, and why, if it hasn't succeeded since.
    failed: Option<(Instant, KeyValueError)>,
    /// When there was nothing expired, last.
    swept: Instant,
}

impl Writing {
    fn run(mut self) {
        loop {
            match self.jobs.recv_timeout(PAUSE) {
                Ok(first) => self.commit(first),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.tend();
        }
    }

    /// Commits this write and those that have gathered behind it.
    fn commit(&mut self, first: Job) {
        let mut batch = vec![first];
        batch.extend(self.jobs.try_iter().take(BATCH - 1));
        let refused = self.failed.as_ref().filter(|(since, _)| since.elapsed() < PAUSE);
        let committed = match refused {
            Some((_, error)) => Err(error.clone()),
            None => {
                let now = batch.iter().any(|job| job.durable == Durable::Now);
                let durable = if now { Durable::Now } else { Durable::Soon };
                self.transact(durable, |entries| batch.iter_mut().try_for_each(|job| job.apply(entries)))
            }
        };
        for job in batch {
            job.answer(committed.clone());
        }
    }

    /// Does what is due: recovers from a failure, syncs, sweeps.
    fn tend(&mut self) {
        let due = |since: Instant| since.elapsed() >= PAUSE;
        let recover = self.failed.as_ref().is_some_and(|(since, _)| due(*since));
        if self.shared.is_suspect() || recover {
            self.shared.reopen();
            self.sync();
        } else if self.unsynced.is_some_and(due) {
            self.sync();
        }
        let period = SWEEP_PERIOD.min(self.shared.retention());
        if self.failed.is_none() && self.swept.elapsed() >= period {
            let mut removed = 0;
            let swept = self.transact(Durable::Soon, |entries| {
                removed = entries.sweep(SWEEP)?;
                Ok(())
            });
            // Where there was more than that, it goes on behind the writes that wait.
            if swept.is_ok() && removed < SWEEP {
                self.swept = Instant::now();
            }
        }
    }

    /// Syncs what was committed before. An error is told to the next writers.
    fn sync(&mut self) {
        _ = self.transact(Durable::Now, |_| Ok(()));
    }

    fn transact(
        &mut self,
        durable: Durable,
        work: impl FnOnce(&mut Entries<'_>) -> Result<(), redb::Error>,
    ) -> Result<(), KeyValueError> {
        let written = self.shared.write(durable, work);
        self.failed = written.as_ref().err().map(|error| (Instant::now(), error.clone()));
        match (&written, durable) {
            (Ok(()), Durable::Soon) => self.unsynced = self.unsynced.or_else(|| Some(Instant::now())),
            (Ok(()), Durable::Now) => self.unsynced = None,
            (Err(_), _) => {
                self.unsynced = None;
                self.shared.reopen();
            }
        }
        written
    }
}
