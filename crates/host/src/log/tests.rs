//! Tests of the log, with an output that a test controls.

use super::*;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use wasmtime_wasi::cli::StdoutStream;

/// Long enough for a busy machine.
const LONG: Duration = Duration::from_secs(60);

/// The writes that an output has taken.
type Writes = Arc<Mutex<Vec<Vec<u8>>>>;

/// An output that waits for a permission before each write, and records what it has taken.
struct Gated {
    permissions: Receiver<bool>,
    writes: Writes,
}

impl Sink for Gated {
    fn prepare(&mut self) -> io::Result<bool> {
        Ok(false)
    }

    fn most_at_once(&self) -> usize {
        4096
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.permissions.recv().is_ok_and(|permitted| !permitted) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        lock(&self.writes).push(bytes.to_vec());
        Ok(bytes.len())
    }
}

/// The log, the permissions of its writes, and its writes. Without the sender, all writes are permitted.
fn log() -> (Log, Sender<bool>, Writes) {
    let (sender, permissions) = channel();
    let writes = Writes::default();
    (Log::start(Output::new(Gated { permissions, writes: writes.clone() })), sender, writes)
}

fn text(writes: &Writes) -> String {
    String::from_utf8(lock(writes).concat()).expect("text")
}

#[test]
fn lines_of_many_instances_are_whole_and_share_writes() {
    const LINES: usize = 300;
    let (log, gate, writes) = log();
    std::thread::scope(|scope| {
        for instance in 0..4 {
            let log = &log;
            scope.spawn(move || {
                for number in 0..LINES {
                    let mut stream = log.p2_stream();
                    for part in [format!("{instance}:"), format!("{number}\n")] {
                        stream.write(part.into_bytes().into()).expect("it takes it");
                        stream.flush().expect("it takes it");
                    }
                }
            });
        }
    });
    drop(gate);
    log.flush(LONG);
    let text = text(&writes);
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    let mut expected: Vec<_> =
        (0..4).flat_map(|instance| (0..LINES).map(move |number| format!("{instance}:{number}"))).collect();
    expected.sort_unstable();
    assert_eq!(lines, expected);
    let writes = lock(&writes);
    assert!(writes.iter().all(|bytes| bytes.ends_with(b"\n") && bytes.len() <= 4096));
    assert!(writes.len() < 4 * LINES / 10, "{} writes", writes.len());
}

#[test]
fn lines_are_written_soon_without_a_flush() {
    let (log, gate, writes) = log();
    drop(gate);
    log.add(b"line\n");
    let start = Instant::now();
    while lock(&writes).is_empty() {
        assert!(start.elapsed() < LONG, "it is not written");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(text(&writes), "line\n");
}

#[test]
fn an_output_that_takes_nothing_stops_no_instance_and_fills_no_memory() {
    let (log, gate, writes) = log();
    let line = [b"x".repeat(999), b"\n".to_vec()].concat();
    let mut stream = log.p2_stream();
    for _ in 0..5000 {
        stream.write(line.clone().into()).expect("it takes it");
    }
    assert!(log.queue().lines.len() <= QUEUE);
    // The flush gives up.
    log.flush(Duration::from_millis(20));
    drop(gate);
    log.flush(LONG);
    log.add(b"last\n");
    log.flush(LONG);
    let text = text(&writes);
    let whole = text.lines().filter(|line| line.len() == 999).count();
    let lost = text.lines().find_map(|line| line.strip_prefix("{\"kind\":\"lost\",\"lines\":"));
    let lost: usize = lost.and_then(|line| line.trim_end_matches('}').parse().ok()).expect("a number");
    assert_eq!(whole + lost, 5000);
    // The queue, and as much in the hands of the thread.
    assert!(whole <= 2 * QUEUE / line.len() + 1, "{whole}");
    assert!(text.contains("last\n"));
}

#[test]
fn lines_that_can_not_be_written_are_counted() {
    let (log, gate, writes) = log();
    for permitted in [false, false, true] {
        log.add(b"line\n");
        gate.send(permitted).expect("the thread waits for it");
        log.flush(LONG);
    }
    assert_eq!(text(&writes), "line\n{\"kind\":\"lost\",\"lines\":2}\n");
}

#[test]
fn a_line_is_ended_with_its_instance_and_a_long_one_is_divided() {
    let (log, gate, writes) = log();
    drop(gate);
    let mut stream = log.p2_stream();
    stream.write("a\nno end".into()).expect("it takes it");
    drop(stream);
    let mut stream = log.p2_stream();
    for _ in 0..3 {
        stream.write("y".repeat(40_000).into()).expect("it takes it");
    }
    stream.write("\nb\n".into()).expect("it takes it");
    log.flush(LONG);
    let lengths: Vec<_> = text(&writes).lines().map(str::len).collect();
    assert_eq!(lengths, [1, 6, 40_000, 40_000, 40_000, 1]);
}
