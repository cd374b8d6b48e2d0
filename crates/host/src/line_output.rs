//! The output of whole lines, with few system calls: the standard error, or another sink.

use rustix::fs::FileType;
use std::io::{self, Write};

/// The most bytes of one write to a file. The system appends each write as a whole.
const FILE_WRITE: usize = 1024 * 1024;

/// The most bytes of one write to a pipe that reach it without the bytes of another process between them:
/// `PIPE_BUF` of Linux, pipe(7).
const PIPE_WRITE: usize = 4096;

/// An output that writes lines with few system calls.
pub(crate) struct Output<S> {
    sink: S,
    /// Whether the last write ended in the middle of a line.
    is_torn: bool,
}

/// Where the bytes of an output go.
pub(crate) trait Sink: Send + 'static {
    /// Prepares for writes. Returns whether the sink is another one now, whose last line is whole.
    fn prepare(&mut self) -> io::Result<bool>;

    /// The most bytes of one write.
    fn most_at_once(&self) -> usize;

    /// Writes with one system call, and returns how many bytes were written.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
}

/// The standard error of this process.
pub(crate) struct StandardError {
    most_at_once: usize,
}

impl StandardError {
    pub(crate) fn new() -> Self {
        let status = rustix::fs::fstat(io::stderr());
        let is_regular = status.is_ok_and(|status| FileType::from_raw_mode(status.st_mode).is_file());
        Self { most_at_once: most_at_once(is_regular) }
    }
}

/// The most bytes of one write to a file, which is a regular one or not.
pub(crate) fn most_at_once(is_regular: bool) -> usize {
    if is_regular { FILE_WRITE } else { PIPE_WRITE }
}

impl<S: Sink> Output<S> {
    pub(crate) fn new(sink: S) -> Self {
        Self { sink, is_torn: false }
    }

    /// Writes lines, each with its line break. Returns the outcome of each line: an error if not all of it
    /// was written. If the last write ended in the middle of a line, the next one starts with a line break.
    pub(crate) fn write(&mut self, lines: &[&[u8]]) -> Vec<io::Result<()>> {
        match self.sink.prepare() {
            Ok(is_another) => self.is_torn &= !is_another,
            Err(error) => return lines.iter().map(|_| Err(copy(&error))).collect(),
        }
        let mut outcomes = Vec::with_capacity(lines.len());
        let mut rest = lines;
        while !rest.is_empty() {
            let (together, later) = rest.split_at(self.fitting(rest));
            self.write_together(together, &mut outcomes);
            rest = later;
        }
        outcomes
    }

    #[cfg(test)]
    pub(crate) fn note_torn(&mut self) {
        self.is_torn = true;
    }

    #[cfg(test)]
    pub(crate) fn sink(&mut self) -> &mut S {
        &mut self.sink
    }

    /// How many of the lines fit into one write, and at least one.
    fn fitting(&self, lines: &[&[u8]]) -> usize {
        // One byte is for the end of a torn line.
        let room = self.sink.most_at_once().saturating_sub(1);
        let ends = lines.iter().scan(0, |end, line| {
            *end += line.len();
            Some(*end)
        });
        ends.take_while(|end| *end <= room).count().max(1)
    }

    fn write_together(&mut self, lines: &[&[u8]], outcomes: &mut Vec<io::Result<()>>) {
        let mut bytes = if self.is_torn { b"\n".to_vec() } else { Vec::new() };
        // Where a write may end without tearing a line.
        let mut ends = vec![bytes.len()];
        for line in lines {
            bytes.extend_from_slice(line);
            ends.push(bytes.len());
        }
        let written = loop {
            match self.sink.write(&bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                written => break written,
            }
        };
        if let Ok(written @ 1..) = written {
            self.is_torn = !ends.contains(&written);
        }
        outcomes.extend(ends.iter().skip(1).map(|end| match &written {
            Ok(written) if written >= end => Ok(()),
            Ok(_) => Err(io::ErrorKind::WriteZero.into()),
            Err(error) => Err(copy(error)),
        }));
    }
}

/// The error again, for another line.
fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

impl Sink for StandardError {
    fn prepare(&mut self) -> io::Result<bool> {
        Ok(false)
    }

    fn most_at_once(&self) -> usize {
        self.most_at_once
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stderr().write(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records its writes.
    struct Pipe(Vec<String>);

    impl Sink for Pipe {
        fn prepare(&mut self) -> io::Result<bool> {
            Ok(false)
        }

        fn most_at_once(&self) -> usize {
            PIPE_WRITE
        }

        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.push(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }
    }

    /// A longer write to a pipe can be mixed with those of other processes.
    #[test]
    fn a_write_to_a_pipe_is_short_and_ends_with_a_line() {
        let mut output = Output::new(Pipe(Vec::new()));
        output.is_torn = true;
        let lines: Vec<String> =
            (0..100).map(|number| format!("{}\n", number.to_string().repeat(50))).collect();
        let text = lines.concat();
        let lines: Vec<&[u8]> = lines.iter().map(String::as_bytes).collect();
        assert!(output.write(&lines).iter().all(Result::is_ok));
        let writes = output.sink.0;
        assert_eq!(writes.concat(), format!("\n{}", text));
        assert!(writes.len() > 1 && writes.len() < 10, "{}", writes.len());
        assert!(writes.iter().all(|bytes| bytes.len() <= PIPE_WRITE && bytes.ends_with('\n')));
    }
}
