//! Tests of a file on a full disk, and on a read-only disk.

use credwell_key_value::{KeyValue, KeyValueError, OpenError, open};
use credwell_test_programs::skip;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a store may take to write again after the disk has room again.
const RECOVERY: Duration = Duration::from_secs(20);

/// A small disk in memory. It is unmounted when it is dropped.
struct Disk(TempDir);

impl Disk {
    /// Mounts a disk of this size. None if this user isn't allowed to mount one: then the test is skipped.
    fn new(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let options = format!("size={size}");
        match mount(&["-t", "tmpfs", "-o", &options, "tmpfs"], folder.path()) {
            Ok(()) => Some(Self(folder)),
            Err(reason) => {
                skip("the right to mount a small disk", &reason, "run the tests as root");
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn remount(&self, how: &str) {
        mount(&["-o", &format!("remount,{how}")], self.path()).expect("the disk is remounted");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // `--lazy` unmounts even if a failed test has open files on the disk.
        _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

fn mount(arguments: &[&str], path: &Path) -> Result<(), String> {
    let output = Command::new("mount").args(arguments).arg(path).output();
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}

async fn store(disk: &Disk) -> Result<Arc<dyn KeyValue>, OpenError> {
    let url = format!("redb:{}", disk.path().join("store.redb").display());
    open(&url.parse().expect("a store's URL")).await
}

fn value(number: usize) -> Vec<u8> {
    number.to_string().into_bytes().repeat(1000)
}

/// Fills the disk with a file that the test can remove.
fn fill(path: &Path) {
    let mut ballast = fs::File::create(path).expect("a file");
    // Large writes first, then single bytes up to the end.
    for size in [64 * 1024, 1] {
        while ballast.write_all(&vec![0; size]).is_ok() {}
    }
}

async fn all_are_there(store: &Arc<dyn KeyValue>, count: usize) {
    for number in 0..count {
        let found = store.get("default", &number.to_string()).await;
        assert!(
            found == Ok(Some(value(number))),
            "{number} of {count}: {:?}",
            found.map(|found| found.is_some())
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_serves_reads_and_recovers() {
    let Some(disk) = Disk::new("8m") else { return };
    let mut store = store_or_panic(&disk).await;
    let mut count = 0;
    for _ in 0..100 {
        store.set("default", &count.to_string(), value(count)).await.expect("it is set");
        count += 1;
    }
    let ballast = disk.path().join("ballast");
    let mut figures = Vec::new();
    for _ in 0..3 {
        fill(&ballast);
        let refused = loop {
            match store.set("default", &count.to_string(), value(count)).await {
                Ok(()) => count += 1,
                Err(refused) => break refused,
            }
        };
        assert!(matches!(refused, KeyValueError::Failed(_)), "{refused}");
        // Reads work at once, and as long as the disk is full.
        all_are_there(&store, count).await;
        let counted = store.increment("default", "counter", 1).await;
        assert!(matches!(counted, Err(KeyValueError::Failed(_))), "{counted:?}");
        let deleted = store.delete("default", "0").await;
        assert!(matches!(deleted, Err(KeyValueError::Failed(_))), "{deleted:?}");
        all_are_there(&store, count).await;

        fs::remove_file(&ballast).expect("the disk has room again");
        let start = Instant::now();
        while let Err(refused) = store.set("default", &count.to_string(), value(count)).await {
            assert!(matches!(refused, KeyValueError::Failed(_)), "{refused}");
            assert!(start.elapsed() < RECOVERY, "it doesn't recover: {refused}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        figures.push(start.elapsed());
        count += 1;
        all_are_there(&store, count).await;
        drop(store);
        store = store_or_panic(&disk).await;
        all_are_there(&store, count).await;
    }
    println!("{count} values, none lost; writes again {figures:?} after there was room again");
}

async fn store_or_panic(disk: &Disk) -> Arc<dyn KeyValue> {
    store(disk).await.expect("the file opens")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cant_be_written_is_not_opened() {
    let Some(disk) = Disk::new("8m") else { return };
    let before = store_or_panic(&disk).await;
    before.set("default", "0", value(0)).await.expect("it is set");
    drop(before);
    disk.remount("ro");
    match store(&disk).await {
        Err(OpenError::NotWritable { path, reason }) => {
            assert_eq!(path, disk.path().join("store.redb"));
            assert!(reason.contains("Read-only file system"), "{reason}");
        }
        other => panic!("{:?}", other.err()),
    }
    disk.remount("rw");
    all_are_there(&store_or_panic(&disk).await, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_whose_creation_failed_on_a_full_disk_is_created_later() {
    let Some(disk) = Disk::new("1m") else { return };
    let ballast = disk.path().join("ballast");
    fill(&ballast);
    let refused = store(&disk).await.err();
    assert!(matches!(refused, Some(OpenError::FileFailed { .. })), "{refused:?}");
    fs::remove_file(&ballast).expect("the disk has room again");
    store_or_panic(&disk).await.set("default", "0", value(0)).await.expect("it is set");
}
