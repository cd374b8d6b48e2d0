//! The writer of the audit log: the single thread that writes. Lines that arrive during a write share the
//! next one.

use crate::line_output::{Output, Sink};
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{Builder, JoinHandle};
use tokio::sync::oneshot;

/// The most lines that wait for a write. A line beyond them fails at once: a disk that stands still must not
/// fill the memory.
const QUEUE: usize = 4096;

/// The most lines that are written together.
const BATCH: usize = 1024;

pub(super) struct Writer {
    /// `None` while the writer is being dropped.
    lines: Option<SyncSender<Line>>,
    /// `None` if the thread could not be started. Then every line fails.
    thread: Option<JoinHandle<()>>,
}

/// A line, with its line break, and the channel on which its caller waits for the outcome.
struct Line {
    text: String,
    written: oneshot::Sender<io::Result<()>>,
}

impl Writer {
    pub(super) fn start(output: Output<impl Sink>) -> Self {
        let (lines, queued) = sync_channel(QUEUE);
        let thread = Builder::new().name("credwell-audit".to_owned()).spawn(move || run(output, &queued));
        Self { lines: Some(lines), thread: thread.ok() }
    }

    /// Queues a line, and waits until it is written.
    ///
    /// # Errors
    ///
    /// Not all of the line was written, too many lines wait, or the thread has ended.
    pub(super) async fn write(&self, text: String) -> io::Result<()> {
        let ended = || io::Error::other("the thread that writes has ended");
        let lines = self.lines.as_ref().ok_or_else(ended)?;
        let (written, outcome) = oneshot::channel();
        lines.try_send(Line { text, written }).map_err(|error| match error {
            TrySendError::Full(_) => io::Error::other("too many lines wait to be written"),
            TrySendError::Disconnected(_) => ended(),
        })?;
        // A panic of the thread drops the channels of all lines that wait.
        outcome.await.unwrap_or_else(|_| Err(ended()))
    }
}

/// Waits until all queued lines are written.
impl Drop for Writer {
    fn drop(&mut self) {
        self.lines = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has already been printed to the standard error.
            _ = thread.join();
        }
    }
}

fn run(mut output: Output<impl Sink>, queued: &Receiver<Line>) {
    while let Ok(first) = queued.recv() {
        let mut batch = vec![first];
        batch.extend(queued.try_iter().take(BATCH - 1));
        let texts: Vec<_> = batch.iter().map(|line| line.text.as_bytes()).collect();
        let outcomes = output.write(&texts);
        for (line, outcome) in batch.into_iter().zip(outcomes) {
            // Sending fails if the caller has stopped waiting. Its line stays.
            _ = line.written.send(outcome);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock;
    use std::sync::mpsc::{Sender, channel};
    use std::sync::{Arc, Mutex};
    use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
    use tokio::task::JoinSet;

    /// What one write does.
    enum WriteEffect {
        TakeAll,
        Take(usize),
        Fail,
        Panic,
    }

    /// An output that tells when a write begins, waits for a step, and records what it has taken.
    struct Scripted {
        begun: UnboundedSender<()>,
        steps: Receiver<WriteEffect>,
        writes: Arc<Mutex<Vec<Vec<u8>>>>,
    }

    impl Sink for Scripted {
        fn prepare(&mut self) -> io::Result<bool> {
            Ok(false)
        }

        fn most_at_once(&self) -> usize {
            100_000
        }

        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            _ = self.begun.send(());
            let taken = match self.steps.recv().unwrap_or(WriteEffect::TakeAll) {
                WriteEffect::TakeAll => bytes.len(),
                WriteEffect::Take(taken) => taken,
                WriteEffect::Fail => return Err(io::ErrorKind::StorageFull.into()),
                WriteEffect::Panic => panic!("a defect"),
            };
            lock(&self.writes).push(bytes[..taken].to_vec());
            Ok(taken)
        }
    }

    struct Test {
        writer: Arc<Writer>,
        begun: UnboundedReceiver<()>,
        steps: Sender<WriteEffect>,
        writes: Arc<Mutex<Vec<Vec<u8>>>>,
    }

    impl Test {
        fn new() -> Self {
            let (begun_sender, begun) = unbounded_channel();
            let (steps, script) = channel();
            let writes = Arc::<Mutex<_>>::default();
            let output = Output::new(Scripted { begun: begun_sender, steps: script, writes: writes.clone() });
            Self { writer: Arc::new(Writer::start(output)), begun, steps, writes }
        }

        fn step(&self, step: WriteEffect) {
            self.steps.send(step).expect("the thread waits for it");
        }

        fn written(&self) -> String {
            String::from_utf8(lock(&self.writes).concat()).expect("text")
        }

        /// Queues a line while the thread waits in its first write.
        async fn queue_one(&self, tasks: &mut JoinSet<io::Result<()>>, text: String) {
            let writer = self.writer.clone();
            tasks.spawn(async move { writer.write(text).await });
            // The runtime has one thread, so the task runs up to its wait here.
            tokio::task::yield_now().await;
        }

        /// The outcomes of these lines, which are one batch behind a first line.
        async fn outcomes_of_a_batch(&mut self, lines: &[&str], step: WriteEffect) -> Vec<bool> {
            let first = self.writer.clone();
            let first = tokio::spawn(async move { first.write("first\n".to_owned()).await });
            self.until_a_write_begins().await;
            let waiting: Vec<_> = lines
                .iter()
                .map(|line| {
                    let (writer, line) = (self.writer.clone(), (*line).to_owned());
                    tokio::spawn(async move { writer.write(line).await })
                })
                .collect();
            tokio::task::yield_now().await;
            self.step(WriteEffect::TakeAll);
            self.step(step);
            assert!(first.await.expect("no panic").is_ok());
            let mut outcomes = Vec::new();
            for outcome in waiting {
                outcomes.push(outcome.await.expect("no panic").is_ok());
            }
            outcomes
        }

        /// Waits until the thread is in a write. Then the next line is the first of the next batch.
        async fn until_a_write_begins(&mut self) {
            self.begun.recv().await.expect("the thread writes");
        }
    }

    #[tokio::test]
    async fn lines_that_arrive_during_a_write_share_the_next_one() {
        const LINES: usize = 500;
        let test = Test::new();
        let mut tasks = JoinSet::new();
        for number in 0..LINES {
            test.queue_one(&mut tasks, format!("line {number}\n")).await;
        }
        assert!(tasks.try_join_next().is_none(), "no line is written yet");
        for _ in 0..LINES {
            test.step(WriteEffect::TakeAll);
        }
        let mut outcomes = 0;
        while let Some(outcome) = tasks.join_next().await {
            assert!(outcome.expect("no panic").is_ok());
            outcomes += 1;
        }
        assert_eq!(outcomes, LINES);
        let expected: Vec<_> = (0..LINES).map(|number| format!("line {number}")).collect();
        assert_eq!(test.written().lines().collect::<Vec<_>>(), expected);
        let writes = lock(&test.writes).len();
        assert!(writes <= 3, "{writes} writes for {LINES} lines");
    }

    #[tokio::test]
    async fn exactly_the_lines_that_were_not_written_whole_fail() {
        let lines = ["one\n", "two\n", "three\n", "four\n"];
        for (step, expected, written) in [
            (WriteEffect::Take(8), [true, true, false, false], "first\none\ntwo\nlast\n"),
            (WriteEffect::Take(10), [true, true, false, false], "first\none\ntwo\nth\nlast\n"),
            (WriteEffect::Take(0), [false; 4], "first\nlast\n"),
            (WriteEffect::Fail, [false; 4], "first\nlast\n"),
        ] {
            let mut test = Test::new();
            assert_eq!(test.outcomes_of_a_batch(&lines, step).await, expected);
            test.step(WriteEffect::TakeAll);
            assert!(test.writer.write("last\n".to_owned()).await.is_ok());
            assert_eq!(test.written(), written);
        }
    }

    #[tokio::test]
    async fn a_line_is_acknowledged_after_its_write() {
        let mut test = Test::new();
        let mut tasks = JoinSet::new();
        test.queue_one(&mut tasks, "one\n".to_owned()).await;
        test.until_a_write_begins().await;
        assert!(tasks.try_join_next().is_none());
        test.step(WriteEffect::TakeAll);
        assert!(tasks.join_next().await.is_some_and(|outcome| outcome.expect("no panic").is_ok()));
        assert_eq!(test.written(), "one\n");
    }

    #[tokio::test]
    async fn after_a_panic_every_line_fails() {
        let mut test = Test::new();
        assert_eq!(test.outcomes_of_a_batch(&["one\n", "two\n"], WriteEffect::Panic).await, [false, false]);
        assert!(test.writer.write("three\n".to_owned()).await.is_err());
        assert_eq!(test.written(), "first\n");
    }

    #[tokio::test]
    async fn lines_beyond_the_queue_fail_at_once() {
        let mut test = Test::new();
        let mut tasks = JoinSet::new();
        test.queue_one(&mut tasks, "first\n".to_owned()).await;
        test.until_a_write_begins().await;
        for _ in 0..QUEUE {
            test.queue_one(&mut tasks, "queued\n".to_owned()).await;
        }
        assert!(tasks.try_join_next().is_none());
        let refused = test.writer.write("more\n".to_owned()).await.expect_err("the queue is full");
        assert!(refused.to_string().contains("too many"), "{refused}");
        drop(test.steps);
        assert!(tasks.join_all().await.iter().all(Result::is_ok));
    }

    #[tokio::test]
    async fn the_end_of_the_log_waits_for_its_lines() {
        let test = Test::new();
        let mut tasks = JoinSet::new();
        for _ in 0..3 {
            test.queue_one(&mut tasks, "line\n".to_owned()).await;
        }
        // Nobody waits for the outcomes.
        tasks.shutdown().await;
        let Test { writer, steps, writes, .. } = test;
        let writer = Arc::into_inner(writer).expect("the tasks have ended");
        drop(steps);
        drop(writer);
        assert_eq!(lock(&writes).concat(), b"line\n".repeat(3));
    }
}
