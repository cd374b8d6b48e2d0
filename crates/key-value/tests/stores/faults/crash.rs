//! The crash test: a process that writes to a file is killed again and again at random moments. No
//! acknowledged write is lost.

use crate::support::child;
use credwell_key_value::{KeyValue, open};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The number of kills.
const KILLS: usize = 100;

/// The number of concurrent writers, each of which has a key of its own.
const WRITERS: usize = 8;

const BUCKET: &str = "default";
const COUNTER: &str = "counter";

/// The parent's knowledge of a writer's key.
#[derive(Clone, Copy, Default)]
struct Known {
    /// The number of the last write that was acknowledged or found.
    done: u64,
    /// The number of the next process's first write.
    next: u64,
}

/// The number in the key's value after this write. Every tenth write removes the key.
fn state(write: u64) -> Option<u64> {
    (!write.is_multiple_of(10)).then_some(write)
}

/// The value of a write. It is pseudo-random, so that [`number`] can check that it is whole.
fn value(writer: usize, write: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(write * WRITERS as u64 + writer as u64);
    let length = random.usize(..if write.is_multiple_of(7) { 100_000 } else { 3_000 });
    let mut value = format!("{write}\n").into_bytes();
    value.extend(std::iter::repeat_with(|| random.u8(..)).take(length));
    value
}

/// The number of the write that produced this value. Fails if the value is damaged.
fn number(writer: usize, found: &[u8]) -> u64 {
    let line = found.split(|byte| *byte == b'\n').next().expect("a first line");
    let number = std::str::from_utf8(line).expect("a number").parse().expect("a number");
    assert!(found == value(writer, number), "write {number} of writer {writer} is damaged");
    number
}

fn key(writer: usize) -> String {
    format!("writer {writer}")
}

async fn store(path: &Path) -> Arc<dyn KeyValue> {
    let url = format!("redb:{}", path.display()).parse().expect("a store's URL");
    open(&url).await.expect("the file opens")
}

/// The child process, which is killed. Does nothing in the parent.
#[tokio::test(flavor = "multi_thread")]
async fn writes_until_it_is_killed() {
    let Some(subject) = child::subject() else { return };
    let (path, starts) = subject.split_once('|').expect("a path and numbers");
    let store = store(Path::new(path)).await;
    say("ready 0 0");
    let mut tasks = tokio::task::JoinSet::new();
    for (writer, start) in starts.split(',').enumerate() {
        let (store, mut write): (_, u64) = (store.clone(), start.parse().expect("a number"));
        let mut before = store.get(BUCKET, &key(writer)).await.expect("an answer");
        tasks.spawn(async move {
            loop {
                let (key, value) = (key(writer), value(writer, write));
                if state(write).is_none() {
                    store.delete(BUCKET, &key).await.expect("it is deleted");
                    before = None;
                } else if write.is_multiple_of(3) {
                    let swapped =
                        store.compare_and_swap(BUCKET, &key, before.as_deref(), value.clone()).await;
                    assert_eq!(swapped, Ok(true));
                    before = Some(value);
                } else {
                    store.set(BUCKET, &key, value.clone()).await.expect("it is set");
                    before = Some(value);
                }
                say(&format!("wrote {writer} {write}"));
                write += 1;
            }
        });
    }
    loop {
        let sum = store.increment(BUCKET, COUNTER, 1).await.expect("it is counted");
        say(&format!("counted 0 {sum}"));
    }
}

/// Writes a whole line at once.
fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    output.write_all(format!("{line}\n").as_bytes()).expect("the parent reads the pipe");
    output.flush().expect("the parent reads the pipe");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.redb");
    let mut known = [Known { done: 0, next: 1 }; WRITERS];
    let (mut acknowledged, mut slowest, mut counted, mut lost) = (0, Duration::ZERO, 0, 0);
    for round in 0..KILLS {
        let lines = run_and_kill(&path, &known);
        let mut last_count = None;
        for (event, writer, number) in lines {
            match event.as_str() {
                "wrote" => (known[writer].done, acknowledged) = (number, acknowledged + 1),
                "counted" => last_count = Some(i64::try_from(number).expect("a small number")),
                _ => {}
            }
        }

        let start = Instant::now();
        let store = store(&path).await;
        slowest = slowest.max(start.elapsed());
        for (writer, known) in known.iter_mut().enumerate() {
            let found = store.get(BUCKET, &key(writer)).await.expect("an answer");
            let found = found.map(|found| number(writer, &found));
            // The write after the last acknowledged one may have had its effect too.
            let pending = known.next.max(known.done + 1);
            let allowed = [state(known.done), state(pending)];
            let known_now = (known.done, pending);
            assert!(
                allowed.contains(&found),
                "round {round}, writer {writer}: {found:?} after {known_now:?}"
            );
            let done = if found == allowed[0] { known.done } else { pending };
            *known = Known { done, next: pending + 1 };
        }
        // Increments aren't synced, so some can be lost. But the counter must not be too high.
        let found = store.increment(BUCKET, COUNTER, 0).await.expect("a number");
        let limit = last_count.unwrap_or(counted) + 1;
        assert!(found <= limit, "round {round}: {found} of at most {limit}");
        lost = lost.max(limit - 1 - found);
        counted = found;
    }
    assert!(acknowledged > KILLS, "{acknowledged} writes");
    println!("{KILLS} kills, {acknowledged} acknowledged writes, none lost or damaged");
    println!(
        "{counted} counted, at most {lost} lost at a kill; the file was checked and open within {slowest:?}"
    );
}

/// Runs the child process, kills it after a random time, and returns its lines: event, writer and number.
fn run_and_kill(path: &Path, known: &[Known]) -> Vec<(String, usize, u64)> {
    let starts: Vec<String> = known.iter().map(|known| known.next.to_string()).collect();
    let subject = format!("{}|{}", path.display(), starts.join(","));
    let mut command = child::command("faults::crash::writes_until_it_is_killed", &subject);
    let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
    let output = BufReader::new(child.stdout.take().expect("an output"));
    let (sender, lines) = std::sync::mpsc::channel();
    // A thread reads all the time, because a full pipe would block the child.
    let reader = std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            _ = sender.send(line);
        }
    });
    let mut ready = lines.iter().skip_while(|line| !line.starts_with("ready"));
    assert!(ready.next().is_some(), "the process opens the file");
    std::thread::sleep(Duration::from_millis(fastrand::u64(1..150)));
    child.kill().expect("it is running");
    let ended = child.wait_with_output().expect("it has ended");
    assert_eq!(ended.status.code(), None, "{}", String::from_utf8_lossy(&ended.stderr));
    reader.join().expect("all is read");
    lines.try_iter().filter_map(|line| parse(&line)).collect()
}

/// Parses a line of the child. `None` for a line of the test runner and for an incomplete line.
fn parse(line: &str) -> Option<(String, usize, u64)> {
    let mut words = line.split(' ');
    let parsed = (words.next()?.to_owned(), words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    words.next().is_none().then_some(parsed)
}

#[test]
fn a_damaged_value_is_noticed() {
    let mut found = value(3, 14);
    assert_eq!(number(3, &found), 14);
    *found.last_mut().expect("a byte") ^= 1;
    assert!(std::panic::catch_unwind(|| number(3, &found)).is_err());
    let states: BTreeMap<u64, Option<u64>> = (9..12).map(|write| (write, state(write))).collect();
    assert_eq!(states, BTreeMap::from([(9, Some(9)), (10, None), (11, Some(11))]));
}
