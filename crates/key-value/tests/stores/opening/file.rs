//! Tests of opening `redb:`.

use super::open_url;
use crate::support::child;
use crate::support::test_store::TestClock;
use credwell_key_value::{KeyValue, OpenError, open_with_clock};
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

fn folder_and_path() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.redb");
    (folder, path)
}

async fn open(path: &Path) -> Result<Arc<dyn KeyValue>, OpenError> {
    open_url(&format!("redb:{}", path.display())).await
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("the file is there").permissions().mode() & 0o777
}

/// The child process, which opens the file and writes to it. Does nothing in the parent.
#[tokio::test]
async fn another_process_opens_the_file() {
    let Some(path) = child::subject() else { return };
    match open(Path::new(&path)).await {
        Ok(store) => store.set("default", "key", b"value".to_vec()).await.expect("it is set"),
        Err(error) => println!("{error:?}"),
    }
}

/// Runs the child process with this umask, and returns its standard output.
fn in_another_process(path: &Path, umask: &str) -> String {
    let program =
        child::command("opening::file::another_process_opens_the_file", &path.display().to_string());
    // A umask applies to a whole process, and other threads of this process create files.
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("umask {umask}; exec \"$@\""), "sh"]);
    shell.arg(program.get_program()).args(program.get_args());
    shell.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = shell.output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn only_the_owner_may_read_the_file_whatever_the_umask_says() {
    let (_folder, path) = folder_and_path();
    in_another_process(&path, "000");
    assert_eq!(mode(&path), 0o600);
    let store = open(&path).await.expect("the file opens");
    assert_eq!(store.get("default", "key").await, Ok(Some(b"value".to_vec())));
}

#[tokio::test]
async fn a_file_that_others_may_read_or_write_is_not_opened() {
    let (_folder, path) = folder_and_path();
    drop(open(&path).await.expect("the file opens"));
    for open_to_others in [0o604, 0o602, 0o644] {
        fs::set_permissions(&path, Permissions::from_mode(open_to_others)).expect("it is ours");
        let refused = open(&path).await.err();
        assert_eq!(refused, Some(OpenError::OpenToOthers(path.clone())), "{open_to_others:o}");
    }
    // In Kubernetes a volume belongs to a group.
    for closed in [0o660, 0o640, 0o600] {
        fs::set_permissions(&path, Permissions::from_mode(closed)).expect("it is ours");
        assert!(open(&path).await.is_ok(), "{closed:o}");
    }
}

#[tokio::test]
async fn a_file_is_opened_once_at_a_time() {
    let (_folder, path) = folder_and_path();
    let store = open(&path).await.expect("the file opens");
    assert_eq!(open(&path).await.err(), Some(OpenError::InUse(path.clone())));
    assert!(in_another_process(&path, "077").contains("InUse"));
    // The first store still works.
    store.set("default", "key", b"value".to_vec()).await.expect("it is set");
    drop(store);
    let store = open(&path).await.expect("the file opens again");
    assert_eq!(store.get("default", "key").await, Ok(Some(b"value".to_vec())));
}

#[tokio::test]
async fn increments_survive_an_orderly_end() {
    let (_folder, path) = folder_and_path();
    for round in 1..=3 {
        let store = open(&path).await.expect("the file opens");
        assert_eq!(store.increment("default", "n", 1).await, Ok(round));
    }
}

#[tokio::test]
async fn a_file_that_is_no_store_is_not_changed() {
    let (_folder, path) = folder_and_path();
    let other = "no store".repeat(10_000).into_bytes();
    fs::write(&path, &other).expect("a file");
    fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("it is ours");
    assert_eq!(open(&path).await.err(), Some(OpenError::NotAStore(path.clone())));
    assert!(fs::read(&path).expect("it is there") == other);
    // An empty file is allowed.
    fs::write(&path, "").expect("a file");
    assert!(open(&path).await.is_ok());
}

/// Opening finds a flipped bit anywhere in the file.
#[tokio::test]
async fn a_damaged_store_is_not_opened() {
    let (_folder, path) = folder_and_path();
    let store = open(&path).await.expect("the file opens");
    let value = b"a value that is easy to find".repeat(10);
    store.set("default", "key", value.clone()).await.expect("it is set");
    drop(store);
    let mut bytes = fs::read(&path).expect("it is there");
    let positions: Vec<usize> =
        (0..bytes.len() - value.len()).filter(|at| bytes[*at..].starts_with(&value)).collect();
    assert!(!positions.is_empty());
    for at in positions {
        bytes[at] ^= 1;
    }
    fs::write(&path, bytes).expect("it is ours");
    assert_eq!(open(&path).await.err(), Some(OpenError::NotAStore(path.clone())));
}

#[tokio::test]
async fn a_folder_that_is_missing_is_named() {
    let (_folder, path) = folder_and_path();
    let path = path.join("deeper.redb");
    assert_eq!(open(&path).await.err(), Some(OpenError::NoFolder(path.clone())));
    let folder = path.parent().and_then(Path::parent).expect("a folder").to_owned();
    assert!(matches!(open(&folder).await.err(), Some(OpenError::FileFailed { path, .. }) if path == folder));
}

/// Opening removes expired entries from the file: they don't reappear after the clock is set back.
#[tokio::test]
async fn expired_entries_are_removed_when_the_file_is_opened() {
    let (_folder, path) = folder_and_path();
    let url = format!("redb:{}?retention_seconds=100", path.display()).parse().expect("a store's URL");
    let clock = TestClock::default();
    let store = open_with_clock(&url, clock.clock()).await.expect("the file opens");
    let entries = (0..100).map(|number| (number.to_string(), b"old".to_vec()));
    store.set_many("default", entries.collect()).await.expect("they are set");
    clock.advance(Duration::from_secs(60));
    store.set("default", "7", b"renewed".to_vec()).await.expect("it is set");
    drop(store);

    clock.advance(Duration::from_secs(60));
    drop(open_with_clock(&url, clock.clock()).await.expect("the file opens"));
    let store = open_with_clock(&url, TestClock::default().clock()).await.expect("the file opens");
    let page = store.list_keys("default", None).await.expect("keys");
    assert_eq!(page.keys, ["7"]);
    assert_eq!(store.get("default", "8").await, Ok(None));
    assert_eq!(store.get("default", "7").await, Ok(Some(b"renewed".to_vec())));
}

/// There are more expired entries than one transaction removes.
#[tokio::test]
async fn expired_entries_are_removed_while_the_file_is_open() {
    let (_folder, path) = folder_and_path();
    let url = format!("redb:{}?retention_seconds=1", path.display()).parse().expect("a store's URL");
    let clock = TestClock::default();
    let store = open_with_clock(&url, clock.clock()).await.expect("the file opens");
    let entries = (0..1000).map(|number| (number.to_string(), b"old".to_vec()));
    store.set_many("default", entries.collect()).await.expect("they are set");
    let start = Instant::now();
    loop {
        clock.advance(Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(300)).await;
        clock.reset();
        if store.list_keys("default", None).await.expect("keys").keys.is_empty() {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "they are still in the file");
    }
}

/// The process can end while redb creates the file.
#[tokio::test]
async fn a_file_whose_creation_was_interrupted_is_created_again() {
    let (_folder, path) = folder_and_path();
    drop(open(&path).await.expect("the file opens"));
    let mut file = fs::OpenOptions::new().write(true).open(&path).expect("it is ours");
    file.write_all(&[0; 9]).expect("it is ours");
    drop(file);
    let store = open(&path).await.expect("the file opens");
    assert_eq!(store.get("default", "key").await, Ok(None));
}
