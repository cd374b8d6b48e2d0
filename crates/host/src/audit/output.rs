//! The output of an audit log: a file or the standard error.

use super::AuditError;
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

/// An output that writes each line with one system call.
pub(super) struct Output {
    target: Target,
    /// Whether the last write ended in the middle of a line.
    is_torn: bool,
}

enum Target {
    File { path: PathBuf, file: File },
    Stderr,
}

impl Output {
    pub(super) fn file(path: PathBuf) -> Result<Self, AuditError> {
        let file = open(&path)?;
        Ok(Self { target: Target::File { path, file }, is_torn: false })
    }

    pub(super) fn stderr() -> Self {
        Self { target: Target::Stderr, is_torn: false }
    }

    /// Writes a whole line. If the last write ended in the middle of a line, this one starts with a line
    /// break.
    ///
    /// # Errors
    ///
    /// Not all of the line was written.
    pub(super) fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if let Target::File { path, file } = &mut self.target
            && !is_at(path, &file.metadata()?)?
        {
            *file = open(path)?;
            self.is_torn = false;
        }
        let line = if self.is_torn { &[b"\n", line].concat() } else { line };
        let written = match &mut self.target {
            Target::File { file, .. } => file.write(line)?,
            Target::Stderr => io::stderr().write(line)?,
        };
        let is_whole = written == line.len();
        self.is_torn = !is_whole && (written > 0 || self.is_torn);
        if is_whole { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }
}

/// Opens the file for appending, and creates it if it is missing.
///
/// # Errors
///
/// The path is a link, or another user may read or write the file.
fn open(path: &Path) -> Result<File, AuditError> {
    let unopenable = |error: io::Error| AuditError::Unopenable { path: path.to_owned(), error };
    // Nonblocking, because the opening of a pipe would wait for its reader.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    // In append mode, the system puts each line at the end of the file, after the lines of other processes.
    let opened = OpenOptions::new().append(true).create(true).mode(MODE).custom_flags(flags).open(path);
    let file = opened.map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::LOOP) => AuditError::Link(path.to_owned()),
        _ => unopenable(error),
    })?;
    let metadata = file.metadata().map_err(unopenable)?;
    // A device such as /dev/null keeps no lines.
    if metadata.file_type().is_char_device() {
        return Ok(file);
    }
    if ![geteuid().as_raw(), Uid::ROOT.as_raw()].contains(&metadata.uid()) {
        return Err(AuditError::Owner(path.to_owned()));
    }
    if metadata.mode() & OTHERS != 0 {
        return Err(AuditError::OpenToOthers(path.to_owned()));
    }
    Ok(file)
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

    #[test]
    fn a_torn_line_ends_before_the_next_line() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("audit");
        let mut output = Output::file(path.clone()).expect("the file can be made");
        output.write(b"one\n").expect("the disk takes it");
        if let Target::File { file, .. } = &mut output.target {
            file.write_all(b"tw").expect("the disk takes it");
        }
        output.is_torn = true;
        output.write(b"three\n").expect("the disk takes it");
        output.write(b"four\n").expect("the disk takes it");
        assert_eq!(std::fs::read_to_string(path).expect("the file is there"), "one\ntw\nthree\nfour\n");
    }
}
