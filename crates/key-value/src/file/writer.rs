//! The writer: the single thread that writes. Writes that arrive during a transaction share the next one, and
//! its sync.

use super::SyncMode;
use super::entries::Entries;
use super::file_database::FileDatabase;
use super::job::Job;
use crate::key_value::KeyValueError;
use crate::open::OpenError;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, oneshot};

/// The capacity of the queue of writes, in KiB. A caller waits while the queue is full.
const QUEUE_KIBIBYTES: u32 = 64 * 1024;

/// The maximum number of writes in one transaction.
const BATCH: usize = 256;

/// The maximum number of expired entries that one transaction removes.
const SWEEP: usize = 256;

/// The period between two sweeps of expired entries. A shorter retention shortens it.
const SWEEP_PERIOD: Duration = Duration::from_secs(60);

/// How long a deferred write waits for its sync, and how long writes are refused after a failed one.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Writer {
    /// `None` while the writer is being dropped.
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    capacity: Arc<Semaphore>,
}

impl Writer {
    /// Writes once to the database, to prove that writing works, and starts the thread.
    pub(super) fn start(database: Arc<FileDatabase>) -> Result<Self, OpenError> {
        let (path, text) = (database.path().to_owned(), |error: KeyValueError| error.to_string());
        let failed = |reason| OpenError::FileFailed { path, reason };
        let first = database.write(SyncMode::Immediate, |entries| entries.sweep(SWEEP).map(drop));
        let (sender, jobs) = channel();
        let state = WriterThread { database, jobs, unsynced: None, failed: None, swept: Instant::now() };
        let thread = first.map_err(text).and_then(|()| {
            let thread = Builder::new().name("credwell-store".to_owned()).spawn(move || state.run());
            thread.map_err(|error| error.to_string())
        });
        let thread = Some(thread.map_err(failed)?);
        Ok(Self { jobs: Some(sender), thread, capacity: Arc::new(Semaphore::new(QUEUE_KIBIBYTES as usize)) })
    }

    /// Queues a write, and waits until it is committed. `bytes` is the approximate size of `work`.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        sync: SyncMode,
        bytes: usize,
        work: impl FnOnce(&mut Entries<'_>) -> Result<Result<T, KeyValueError>, redb::Error> + Send + 'static,
    ) -> Result<T, KeyValueError> {
        let ended = || KeyValueError::Failed("the thread that writes has ended".to_owned());
        let kibibytes = u32::try_from(1 + bytes / 1024).unwrap_or(QUEUE_KIBIBYTES).min(QUEUE_KIBIBYTES);
        let capacity = self.capacity.clone().acquire_many_owned(kibibytes).await.map_err(|_| ended())?;
        let (reply, result) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(ended)?;
        jobs.send(Job::new(sync, work, reply, capacity)).map_err(|_| ended())?;
        result.await.unwrap_or_else(|_| Err(ended()))
    }
}

/// Waits until all queued writes are committed. The database is closed after this, and then syncs deferred
/// writes.
impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has already been printed to the standard error.
            _ = thread.join();
        }
    }
}

struct WriterThread {
    database: Arc<FileDatabase>,
    jobs: Receiver<Job>,
    /// When the first of the writes that wait for a sync was committed, or a number was found changed in
    /// memory.
    unsynced: Option<Instant>,
    /// When and why the last transaction failed. `None` after a success.
    failed: Option<(Instant, KeyValueError)>,
    /// When the last sweep found no more expired entries.
    swept: Instant,
}

/// Without the thread, nothing would write the numbers that are counted in memory.
impl Drop for WriterThread {
    fn drop(&mut self) {
        self.database.counters().clear();
    }
}

impl WriterThread {
    fn run(mut self) {
        loop {
            match self.jobs.recv_timeout(PAUSE) {
                Ok(first) => self.commit(first),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.maintain();
        }
        if self.database.counters().have_changed() {
            self.sync();
        }
    }

    /// Commits `first` and the writes that are queued behind it in one transaction.
    fn commit(&mut self, first: Job) {
        let mut batch = vec![first];
        batch.extend(self.jobs.try_iter().take(BATCH - 1));
        let refused = self.failed.as_ref().filter(|(since, _)| since.elapsed() < PAUSE);
        let committed = match refused {
            Some((_, error)) => Err(error.clone()),
            None => {
                let immediate = batch.iter().any(|job| job.sync == SyncMode::Immediate);
                let sync = if immediate { SyncMode::Immediate } else { SyncMode::Deferred };
                self.transact(sync, |entries| batch.iter_mut().try_for_each(|job| job.apply(entries)))
            }
        };
        for job in batch {
            job.reply(committed.clone());
        }
    }

    /// Runs the periodic tasks: recovery from an error, sync, sweep.
    fn maintain(&mut self) {
        let pause_is_over = |since: Instant| since.elapsed() >= PAUSE;
        if self.unsynced.is_none() && self.database.counters().have_changed() {
            self.unsynced = Some(Instant::now());
        }
        let recover = self.failed.as_ref().is_some_and(|(since, _)| pause_is_over(*since));
        if self.database.has_failed_read() || recover {
            self.database.reopen();
            self.sync();
        } else if self.unsynced.is_some_and(pause_is_over) {
            self.sync();
        }
        let period = SWEEP_PERIOD.min(self.database.retention());
        if self.failed.is_none() && self.swept.elapsed() >= period {
            self.database.counters().forget_unchanged();
            let mut removed = 0;
            let swept = self.transact(SyncMode::Deferred, |entries| {
                removed = entries.sweep(SWEEP)?;
                Ok(())
            });
            // More entries have expired than one transaction removes: the next one follows the queued writes.
            if swept.is_ok() && removed < SWEEP {
                self.swept = Instant::now();
            }
        }
    }

    /// Syncs the transactions that were committed before. The next writers get an error of this sync.
    fn sync(&mut self) {
        _ = self.transact(SyncMode::Immediate, |_| Ok(()));
    }

    fn transact(
        &mut self,
        sync: SyncMode,
        work: impl FnOnce(&mut Entries<'_>) -> Result<(), redb::Error>,
    ) -> Result<(), KeyValueError> {
        let written = self.database.write(sync, work);
        self.failed = written.as_ref().err().map(|error| (Instant::now(), error.clone()));
        match (&written, sync) {
            (Ok(()), SyncMode::Deferred) => self.unsynced = self.unsynced.or_else(|| Some(Instant::now())),
            (Ok(()), SyncMode::Immediate) => self.unsynced = None,
            (Err(_), _) => {
                self.unsynced = None;
                self.database.reopen();
            }
        }
        written
    }
}
