//! The log of instances: what they write to their standard error, in lines.
//!
//! The standard error of an instance is a queue in memory. A thread of this process takes all lines of some
//! milliseconds together and writes them with few system calls. So no instance waits for a write.
//!
//! The queue is bounded. Lines that come while it is full are lost, and a line of the log says how many.

mod stream;

use crate::line_output::{Output, Sink, StandardError};
use crate::lock;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

/// The size of the queue, in bytes.
const QUEUE: usize = 1024 * 1024;

/// The size at which the lines of the queue are written at once, in bytes.
const ENOUGH: usize = 64 * 1024;

/// How long the first line in the queue waits for others.
const GATHERING: Duration = Duration::from_millis(10);

/// How long [`flush_log`] waits for a standard error that takes nothing.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

/// Waits until the lines that instances have logged are on the standard error of this process. It waits for
/// at most one second, because nobody may be reading.
///
/// [`Listener::serve`](crate::Listener::serve) calls this function before it returns. A program that calls
/// [`Broker::handle`](crate::Broker::handle) calls this function before its end. Otherwise the lines of the
/// last ten milliseconds may be lost. The function blocks its thread.
pub fn flush_log() {
    if let Some(log) = PROCESS.get() {
        log.flush(FLUSH_LIMIT);
    }
}

/// The log that goes to the standard error of this process.
static PROCESS: OnceLock<Log> = OnceLock::new();

/// A log. Clones write to the same one.
#[derive(Clone)]
pub(crate) struct Log(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    /// Wakes the thread.
    to_write: Condvar,
    /// Wakes those that flush.
    written: Condvar,
}

#[derive(Default)]
struct Queue {
    /// Whole lines.
    lines: Vec<u8>,
    /// The number of lines that were lost and that no line of the log has told yet.
    lost: u64,
    /// How many bytes were ever added to `lines`.
    added: u64,
    /// How many of them were taken to a write that has ended.
    done: u64,
    /// How many callers flush.
    flushing: usize,
    /// Whether the thread has ended, because it could not be started or has panicked.
    has_ended: bool,
}

impl Log {
    /// The log that goes to the standard error of this process.
    pub(crate) fn of_process() -> Self {
        PROCESS.get_or_init(|| Self::start(Output::new(StandardError::new()))).clone()
    }

    fn start(output: Output<impl Sink>) -> Self {
        let shared = Shared { queue: Mutex::default(), to_write: Condvar::new(), written: Condvar::new() };
        let log = Self(Arc::new(shared));
        let thread = Thread(log.clone());
        // If the thread can't be started, it is dropped, and the log loses all lines.
        _ = Builder::new().name("credwell-log".to_owned()).spawn(move || thread.run(output));
        log
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        lock(&self.0.queue)
    }

    /// Adds a line, with its line break. It never waits for a write.
    fn add(&self, line: &[u8]) {
        let mut queue = self.queue();
        let before = queue.lines.len();
        if queue.has_ended || before + line.len() > QUEUE {
            queue.lost += 1;
            return;
        }
        queue.lines.extend_from_slice(line);
        queue.added += line.len() as u64;
        // The thread sleeps while there are no lines, and again while it gathers lines.
        if before == 0 || (before < ENOUGH && queue.lines.len() >= ENOUGH) {
            self.0.to_write.notify_one();
        }
    }

    /// Waits until all lines that were added before are written, and at most for `limit`.
    fn flush(&self, limit: Duration) {
        let mut queue = self.queue();
        let (target, deadline) = (queue.added, Instant::now() + limit);
        queue.flushing += 1;
        self.0.to_write.notify_one();
        let unwritten = |queue: &mut Queue| queue.done < target && !queue.has_ended;
        let rest = deadline.saturating_duration_since(Instant::now());
        let waited = self.0.written.wait_timeout_while(queue, rest, unwritten);
        let (mut queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        queue.flushing -= 1;
    }
}

/// The thread that writes.
struct Thread(Log);

impl Thread {
    fn run(self, mut output: Output<impl Sink>) {
        let Self(Log(shared)) = &self;
        let mut taken = Vec::new();
        loop {
            let mut queue = lock(&shared.queue);
            let is_empty = |queue: &mut Queue| queue.lines.is_empty();
            queue = shared.to_write.wait_while(queue, is_empty).unwrap_or_else(PoisonError::into_inner);
            let gathers = |queue: &mut Queue| queue.lines.len() < ENOUGH && queue.flushing == 0;
            let gathered = shared.to_write.wait_timeout_while(queue, GATHERING, gathers);
            (queue, _) = gathered.unwrap_or_else(PoisonError::into_inner);
            std::mem::swap(&mut taken, &mut queue.lines);
            let lost = std::mem::take(&mut queue.lost);
            drop(queue);

            let loss = format!("{{\"kind\":\"lost\",\"lines\":{lost}}}\n");
            let loss = (lost > 0).then_some(loss.as_bytes());
            let lines: Vec<_> = taken.split_inclusive(|byte| *byte == b'\n').chain(loss).collect();
            let outcomes = output.write(&lines);
            // A line about losses that is lost itself leaves its number for the next one.
            let told = loss.is_none() || outcomes.last().is_some_and(Result::is_ok);
            let of_lines = outcomes.iter().take(outcomes.len() - usize::from(loss.is_some()));
            let failed = of_lines.filter(|outcome| outcome.is_err()).count() as u64;

            let mut queue = lock(&shared.queue);
            queue.lost += failed + if told { 0 } else { lost };
            queue.done += taken.len() as u64;
            taken.clear();
            shared.written.notify_all();
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.0.queue().has_ended = true;
        self.0.0.written.notify_all();
    }
}

#[cfg(test)]
mod tests;
