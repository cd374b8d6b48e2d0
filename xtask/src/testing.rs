//! `cargo xtask test`: all tests, with the skipped ones counted and shown as skipped.
//!
//! The harness of Rust knows no test that finds out at run time that it has to be skipped, and prints `ok` for it. So
//! such a test also records itself in a file (see `crates/test-programs`), and this module corrects the lines.

mod programs;
mod report;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};

use crate::process;
use credwell_test_programs::RECORD_VARIABLE;
use report::Report;

/// The option that leaves out the installation of programs.
const NO_INSTALL: &str = "--no-install";

/// Installs the programs that tests need, runs `cargo test` with these arguments, and ends with one summary.
pub fn run(root: &Path, arguments: &[OsString]) -> Result<ExitCode> {
    let (options, arguments): (Vec<_>, Vec<_>) =
        arguments.iter().cloned().partition(|argument| argument == NO_INSTALL);
    if options.is_empty() {
        programs::install(root);
    }
    let record = root.join("target").join(format!("skipped-tests-{}", std::process::id()));
    _ = fs::remove_file(&record);

    let is_terminal = io::stdout().is_terminal();
    let mut command = Command::new(process::cargo());
    command.args(["test", "--workspace", "--locked"]).args(with_colour(arguments, is_terminal));
    command.current_dir(root).env(RECORD_VARIABLE, &record).stdout(Stdio::piped());
    let mut child = command.spawn().context("can't start cargo")?;
    let output = child.stdout.take().context("the output of cargo is not piped")?;

    let mut report = Report::default();
    let mut stdout = io::stdout().lock();
    for line in BufReader::new(output).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        // A test records itself before the harness prints its line.
        let line = report.line(&line, || fs::read_to_string(&record).unwrap_or_default());
        writeln!(stdout, "{line}")?;
    }
    let status = child.wait().context("can't wait for cargo")?;
    report.finish(&fs::read_to_string(&record).unwrap_or_default());
    _ = fs::remove_file(&record);
    write!(stdout, "{report}")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// The arguments with colours for the harness, which sees no terminal behind the pipe.
fn with_colour(mut arguments: Vec<OsString>, is_terminal: bool) -> Vec<OsString> {
    if is_terminal && env::var_os("NO_COLOR").is_none() {
        if !arguments.iter().any(|argument| argument == "--") {
            arguments.push("--".into());
        }
        arguments.push("--color=always".into());
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_go_to_the_harness() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        assert_eq!(with_colour(words(&["-p", "xtask"]), false), words(&["-p", "xtask"]));
        let expected = words(&["-p", "xtask", "--", "--color=always"]);
        assert_eq!(with_colour(words(&["-p", "xtask"]), true), expected);
        assert_eq!(with_colour(words(&["--", "a"]), true), words(&["--", "a", "--color=always"]));
    }
}
