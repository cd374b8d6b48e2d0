//! The file of an audit log.

use super::AuditError;
use crate::line_output::{Sink, most_at_once};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{Uid, geteuid};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The mode of a new file: read and write for the owner only.
const MODE: u32 = 0o600;

/// The mode bits that must be off: those of all other users. Bits of the group are allowed, because a group
/// may collect the log, and in Kubernetes a volume belongs to a group.
const OTHERS: u32 = 0o007;

/// A file that is opened again if its path leads to another one.
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    is_regular: bool,
}

impl LogFile {
    pub(super) fn open(path: PathBuf) -> Result<Self, AuditError> {
        let (file, is_regular) = open(&path)?;
        Ok(Self { path, file, is_regular })
    }
}

impl Sink for LogFile {
    fn prepare(&mut self) -> io::Result<bool> {
        let is_another = !is_at(&self.path, &self.file.metadata()?)?;
        if is_another {
            (self.file, self.is_regular) = open(&self.path)?;
        }
        Ok(is_another)
    }

    fn most_at_once(&self) -> usize {
        most_at_once(self.is_regular)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }
}

/// Opens the file for appending, and creates it if it is missing. Returns whether it is a regular file too.
///
/// # Errors
///
/// The path is a link, or another user may read or write the file.
fn open(path: &Path) -> Result<(File, bool), AuditError> {
    let unopenable = |error: io::Error| AuditError::Unopenable { path: path.to_owned(), error };
    // Nonblocking, because the opening of a pipe would wait for its reader.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    // In append mode, the system puts each write at the end of the file, after the writes of other processes.
    let opened = OpenOptions::new().append(true).create(true).mode(MODE).custom_flags(flags).open(path);
    let file = opened.map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::LOOP) => AuditError::Link(path.to_owned()),
        _ => unopenable(error),
    })?;
    let metadata = file.metadata().map_err(unopenable)?;
    // A device such as /dev/null keeps no lines.
    if metadata.file_type().is_char_device() {
        return Ok((file, false));
    }
    if ![geteuid().as_raw(), Uid::ROOT.as_raw()].contains(&metadata.uid()) {
        return Err(AuditError::Owner(path.to_owned()));
    }
    if metadata.mode() & OTHERS != 0 {
        return Err(AuditError::OpenToOthers(path.to_owned()));
    }
    Ok((file, metadata.is_file()))
}

/// Whether the path is still that of the open file. A link to the file is not.
fn is_at(path: &Path, file: &Metadata) -> io::Result<bool> {
    match std::fs::symlink_metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (file.dev(), file.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line_output::Output;

    #[test]
    fn a_torn_line_ends_before_the_next_line() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("audit");
        let mut output = Output::new(LogFile::open(path.clone()).expect("the file can be made"));
        let mut write = |lines: &[&[u8]], torn: &str| {
            assert!(output.write(lines).iter().all(Result::is_ok));
            if !torn.is_empty() {
                output.sink().file.write_all(torn.as_bytes()).expect("the disk takes it");
                output.note_torn();
            }
        };
        write(&[b"one\n"], "tw");
        write(&[b"three\n", b"four\n"], "");
        write(&[b"five\n"], "");
        let text = std::fs::read_to_string(path).expect("the file is there");
        assert_eq!(text, "one\ntw\nthree\nfour\nfive\n");
    }
}
