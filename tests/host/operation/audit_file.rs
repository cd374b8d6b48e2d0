//! Tests of the file of the audit log: which files it takes, at the start and after a rotation.

use super::audit::{lines, start};
use super::{PATH, assert_problem, upstream};
use credwell_host::{AuditError, AuditLog};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn folder_and_path() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("audit.jsonl");
    (folder, path)
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("the file is ours");
}

#[test]
fn a_link_is_not_followed() {
    let (folder, path) = folder_and_path();
    let target = folder.path().join("target");
    fs::write(&target, "someone's\n").expect("a file can be made");
    set_mode(&target, 0o600);
    for target in [target.clone(), folder.path().join("missing")] {
        symlink(&target, &path).expect("a link can be made");
        let refused = AuditLog::to_file(&path).err();
        assert!(matches!(&refused, Some(AuditError::Link(found)) if *found == path), "{refused:?}");
        fs::remove_file(&path).expect("the link is ours");
    }
    assert_eq!(fs::read_to_string(&target).expect("it is there"), "someone's\n");
    assert!(!folder.path().join("missing").exists());
}

#[test]
fn a_file_that_every_user_may_read_or_write_is_refused() {
    let (_folder, path) = folder_and_path();
    fs::write(&path, "").expect("a file can be made");
    for mode in [0o644, 0o604, 0o602, 0o666] {
        set_mode(&path, mode);
        let refused = AuditLog::to_file(&path).err();
        assert!(matches!(&refused, Some(AuditError::OpenToOthers(_))), "{mode:o}: {refused:?}");
        assert!(refused.expect("an error").to_string().contains("chmod 600"));
    }
    // A group may collect the log, and in Kubernetes a volume belongs to a group.
    for mode in [0o600, 0o640, 0o660] {
        set_mode(&path, mode);
        assert!(AuditLog::to_file(&path).is_ok(), "{mode:o}");
    }
}

#[test]
fn a_file_of_another_user_is_refused() {
    let (_folder, path) = folder_and_path();
    fs::write(&path, "").expect("a file can be made");
    set_mode(&path, 0o600);
    // Only root can give a file away, and only root could open it then.
    if chown(&path, Some(65_534), None).is_err() {
        return;
    }
    let refused = AuditLog::to_file(&path).err();
    assert!(matches!(&refused, Some(AuditError::Owner(found)) if *found == path), "{refused:?}");
}

/// Opening a pipe for writing would wait for a reader.
#[test]
fn a_pipe_without_a_reader_is_refused_at_once() {
    let (_folder, path) = folder_and_path();
    let made = std::process::Command::new("mkfifo").args(["-m", "600"]).arg(&path).status();
    assert!(made.expect("every unix has mkfifo").success());
    assert!(matches!(AuditLog::to_file(&path).err(), Some(AuditError::Unopenable { .. })));
}

#[tokio::test]
async fn after_a_rotation_no_link_is_followed_either() {
    let (folder, path) = folder_and_path();
    let server = start(&path, &upstream()).await;
    server.request("GET", PATH, &[]).await;
    let renamed = folder.path().join("audit.jsonl.1");
    fs::rename(&path, &renamed).expect("the log can be renamed");
    // The link leads to the file that is still open.
    symlink(&renamed, &path).expect("a link can be made");
    assert_problem(&server.request("GET", PATH, &[]).await, "503", "audit-unavailable");
    fs::remove_file(&path).expect("the link is ours");
    fs::write(&path, "").expect("a file can be made");
    set_mode(&path, 0o644);
    assert_problem(&server.request("GET", PATH, &[]).await, "503", "audit-unavailable");
    set_mode(&path, 0o600);
    server.request("GET", PATH, &[]).await;
    assert_eq!((lines(&renamed).len(), lines(&path).len()), (1, 1));
    server.end().await;
}
