//! The output of an audit log: a file or the standard error.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

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
    pub(super) fn file(path: PathBuf) -> io::Result<Self> {
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

fn open(path: &Path) -> io::Result<File> {
    // In append mode, the system puts each line at the end of the file, after the lines of other processes.
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// Whether the path still leads to the open file.
fn is_at(path: &Path, file: &Metadata) -> io::Result<bool> {
    match std::fs::metadata(path) {
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
