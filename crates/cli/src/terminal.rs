//! What people see: messages and progress on the standard error, colour where it is a terminal.

use crate::cli_error::CliError;
use anstyle::{AnsiColor, Style};
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// How much is said.
#[derive(Clone, Copy)]
pub(crate) struct Terminal {
    /// Neither warnings nor progress.
    pub quiet: bool,
}

impl Terminal {
    /// Tells why something failed.
    pub(crate) fn error(&self, text: &str) {
        say(ERROR, "error", text);
    }

    /// Tells what went wrong on the way to a good answer.
    pub(crate) fn warn(&self, text: &str) {
        if !self.quiet {
            say(WARNING, "warning", text);
        }
    }

    /// Shows that `total` accounts are being asked for, for as long as it lives.
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

/// A line of the terminal that says how far it is. Nothing where there is no terminal.
pub(crate) struct Progress {
    is_shown: bool,
    total: usize,
    answered: AtomicUsize,
}

impl Progress {
    /// One more account was answered.
    pub(crate) fn advance(&self) {
        self.show(self.answered.fetch_add(1, Ordering::Relaxed) + 1);
    }

    fn show(&self, answered: usize) {
        if self.is_shown {
            let accounts = if self.total == 1 { "account" } else { "accounts" };
            // A terminal that is gone is no reason to fail.
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

fn say(style: Style, kind: &str, text: &str) {
    _ = writeln!(anstream::stderr(), "{style}{kind}:{style:#} {text}");
}

/// Prints text with its colours, if the standard output shows them.
pub(crate) fn print(text: &str) -> Result<(), CliError> {
    write(&mut anstream::stdout(), text)
}

/// Prints text as it is.
pub(crate) fn print_raw(text: &str) -> Result<(), CliError> {
    write(&mut std::io::stdout(), text)
}

/// A reader that has seen enough, `head` for example, is no failure. A full disk is one.
fn write(output: &mut impl Write, text: &str) -> Result<(), CliError> {
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Keeps what comes from outside from steering the terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { char::REPLACEMENT_CHARACTER } else { letter })
        .collect()
}
