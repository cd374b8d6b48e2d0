//! Where the lines of an audit log go.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Where lines go, each in one write.
pub(super) struct Output {
    target: Target,
    /// Whether the last write broke off in the middle of a line.
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

    /// Writes a line, all of it or it is an error. What there is of a line that broke off gets an end first.
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
    // Appended, a line goes behind whatever is there by then, another process's lines too.
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// Whether the open file is still the one that the path names.
fn is_at(path: &Path, file: &Metadata) -> io::Result<bool> {
    match std::fs::metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (file.dev(), file.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_broke_off_gets_an_end_before_the_next_one() {
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
