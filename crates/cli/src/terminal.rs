//! The output of the program: results on the standard output, messages and progress on the standard error.

use crate::cli_error::CliError;
use anstyle::{AnsiColor, Style};
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// The standard error, for messages and progress.
#[derive(Clone, Copy)]
pub(crate) struct Terminal {
    /// Whether warnings and progress are left out.
    pub quiet: bool,
}

impl Terminal {
    /// Writes an error.
    pub(crate) fn error(&self, text: &str) {
        write_message(ERROR, "error", text);
    }

    /// Writes a warning, unless the program is quiet.
    pub(crate) fn warn(&self, text: &str) {
        if !self.quiet {
            write_message(WARNING, "warning", text);
        }
    }

    /// Shows the progress of `total` calls until the value is dropped.
    pub(crate) fn progress(&self, total: usize) -> Progress {
        let is_dumb = std::env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
        let progress = Progress {
            is_shown: !self.quiet && !is_dumb && std::io::stderr().is_terminal(),
            total,
            answered: AtomicUsize::new(0),
        };
        progress.show(0);
        progress
    }
}

/// A line in the terminal with the number of answered calls. It is only shown in a terminal.
pub(crate) struct Progress {
    is_shown: bool,
    total: usize,
    answered: AtomicUsize,
}

impl Progress {
    /// Counts one more answered call.
    pub(crate) fn advance(&self) {
        self.show(self.answered.fetch_add(1, Ordering::Relaxed) + 1);
    }

    fn show(&self, answered: usize) {
        if self.is_shown {
            let accounts = if self.total == 1 { "account" } else { "accounts" };
            // An error of the terminal is ignored: progress is not a result.
            _ = write!(
                std::io::stderr(),
                "\r\x1b[Kasking for {} {accounts}, {answered} answered",
                self.total
            );
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown {
            _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

fn write_message(style: Style, kind: &str, text: &str) {
    _ = writeln!(anstream::stderr(), "{style}{kind}:{style:#} {text}");
}

/// Prints text. Its colours are removed where the standard output is not a terminal.
pub(crate) fn print(text: &str) -> Result<(), CliError> {
    write(&mut anstream::stdout(), text)
}

/// Prints text unchanged.
pub(crate) fn print_raw(text: &str) -> Result<(), CliError> {
    write(&mut std::io::stdout(), text)
}

/// A closed pipe is not an error, because programs such as `head` close theirs early. A full disk is an
/// error.
fn write(output: &mut impl Write, text: &str) -> Result<(), CliError> {
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// The text without control characters, so that text of the upstream can't control the terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|character| if character.is_control() { char::REPLACEMENT_CHARACTER } else { character })
        .collect()
}
