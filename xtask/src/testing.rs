//! `cargo xtask test`: the installation of what tests need, and the test run with its summary. The tests of
//! the components run twice: on the fast components, and on the small ones.
//!
//! The harness prints `ok` for a test that returns early because it lacks a program. Such a test also records
//! itself in a file (see `crates/test-programs`). With that record this module corrects the lines and the
//! sums.

mod packages;
mod report;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use credwell_test_programs::{RECORD_VARIABLE, folder, wasmtime};

use crate::guest::Goal;
use crate::tool::WASMTIME;
use crate::{process, programs};
use report::Report;

/// How long after the end of cargo its output may be silent before it counts as complete. A process that a
/// test has left behind can keep the pipe open.
const SILENCE: Duration = Duration::from_secs(1);

/// The options of cargo that select packages. Cargo would ignore them beside `--workspace`.
const PACKAGE_OPTIONS: [&str; 2] = ["--package", "-p"];

/// The options of cargo that select the programs of a package.
const TARGET_OPTIONS: [&str; 6] = ["--lib", "--bin", "--test", "--example", "--bench", "--doc"];

/// The test programs that run the components of a folder.
const COMPONENT_TESTS: [&str; 6] = ["--package", "credwell", "--test", "component", "--test", "broker"];

/// The variable with the folder of the components. Without it, tests run the fast components.
const COMPONENTS_VARIABLE: &str = "CREDWELL_COMPONENTS";

/// Installs what tests need and this machine lacks. What can't be installed is said, and the tests skip or
/// fail.
pub(crate) fn install() {
    programs::install_all();
    if wasmtime().is_err()
        && let Err(error) = WASMTIME.build()
    {
        eprintln!("wasmtime can't be built: {error:#}");
    }
    packages::install();
}

/// Runs `cargo test` with these arguments, and ends with one summary. The exit status is the one of cargo.
pub(crate) fn run(root: &Path, arguments: &[OsString]) -> Result<ExitCode> {
    let record = folder("tmp")?.join(format!("skipped-tests-{}", std::process::id()));
    _ = fs::remove_file(&record);
    let shows_colours = io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none();
    let cargo = || {
        let mut command = process::host_cargo("test");
        command.arg("--no-fail-fast").current_dir(root).env(RECORD_VARIABLE, &record);
        command
    };
    let arguments = harness_colours(arguments, shows_colours);
    let read_record = || fs::read_to_string(&record).unwrap_or_default();
    let mut stdout = io::stdout().lock();
    let mut report = Report::default();

    let mut command = cargo();
    if !selects(&arguments, &PACKAGE_OPTIONS) {
        command.arg("--workspace");
    }
    let mut code = correct(command.args(&arguments), &read_record, &mut report, &mut stdout)?;
    if !selects(&arguments, &PACKAGE_OPTIONS) && !selects(&arguments, &TARGET_OPTIONS) {
        let folder = root.join(Goal::Size.folder());
        eprintln!("the tests of the components once more, on those in {}", folder.display());
        let mut command = cargo();
        command.args(COMPONENT_TESTS).env(COMPONENTS_VARIABLE, folder).args(&arguments);
        let again = correct(&mut command, &read_record, &mut report, &mut stdout)?;
        code = if code == ExitCode::SUCCESS { again } else { code };
    }
    _ = fs::remove_file(&record);
    write!(stdout, "{report}")?;
    Ok(code)
}

/// Runs the command to its end and writes its output with corrected lines. The exit status is the one of the
/// command.
fn correct(
    command: &mut Command,
    read_record: &dyn Fn() -> String,
    report: &mut Report,
    shown: &mut dyn Write,
) -> Result<ExitCode> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("can't start cargo")?;
    let output = child.stdout.take().context("the output of cargo is not piped")?;
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        let lines = BufReader::new(output).split(b'\n').map_while(Result::ok);
        lines.map(|line| sender.send(line)).all(|sent| sent.is_ok())
    });

    let mut status = None;
    loop {
        match lines.recv_timeout(SILENCE) {
            Ok(line) => writeln!(shown, "{}", report.line(&String::from_utf8_lossy(&line), read_record))?,
            Err(RecvTimeoutError::Timeout) if status.is_none() => {
                status = child.try_wait().context("can't wait for cargo")?;
            }
            Err(_) => break,
        }
    }
    let status = child.wait().context("can't wait for cargo")?;
    report.finish(&read_record());
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Whether one of the arguments for cargo begins with one of these options.
fn selects(arguments: &[OsString], options: &[&str]) -> bool {
    let words = arguments.iter().take_while(|argument| *argument != "--").filter_map(|it| it.to_str());
    words.into_iter().any(|word| options.iter().any(|option| word.starts_with(option)))
}

/// The arguments, with colours for the harness if they are to be shown: the harness sees only a pipe.
fn harness_colours(arguments: &[OsString], shows_colours: bool) -> Vec<OsString> {
    let mut arguments = arguments.to_vec();
    let separator = arguments.iter().position(|argument| argument == "--");
    let of_harness = separator.map_or(&[][..], |position| &arguments[position..]);
    let has_choice = of_harness.iter().any(|argument| argument.as_encoded_bytes().starts_with(b"--color"));
    if shows_colours && !has_choice {
        if separator.is_none() {
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
    fn a_selection_of_packages_replaces_the_workspace() {
        let selects =
            |words: &[&str]| selects(&words.iter().map(OsString::from).collect::<Vec<_>>(), &PACKAGE_OPTIONS);
        assert!(selects(&["-p", "xtask"]) && selects(&["-pxtask"]) && selects(&["--package=xtask"]));
        assert!(!selects(&["--test", "stores"]) && !selects(&["--", "-p"]) && !selects(&[]));
    }

    #[test]
    fn the_harness_gets_the_choice_of_colours() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let arguments = words(&["-p", "xtask"]);
        assert_eq!(harness_colours(&arguments, false), arguments);
        assert_eq!(harness_colours(&arguments, true), words(&["-p", "xtask", "--", "--color=always"]));
        assert_eq!(harness_colours(&words(&["--", "a"]), true), words(&["--", "a", "--color=always"]));
        let chosen = words(&["--color", "never", "--", "--color", "never"]);
        assert_eq!(harness_colours(&chosen, true), chosen);
    }

    #[test]
    fn output_that_a_process_keeps_open_ends_with_cargo() {
        // The shell stands for cargo, and the program in its background for one that a test has left behind.
        let script = "sleep 60 & echo 'test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured'; exit 3";
        let record = || String::from("a\tnode\tinstall it\tmissing\n");
        let mut shown = Vec::new();
        let mut report = Report::default();
        let code =
            correct(Command::new("sh").args(["-c", script]), &record, &mut report, &mut shown).unwrap();
        assert_eq!(shown, b"test result: ok. 1 passed; 1 skipped; 0 failed; 0 ignored; 0 measured\n");
        let expected = "\n  1 skipped: needs node; to run: install it\n1 passed, 0 failed, 1 skipped\n";
        assert_eq!((report.to_string().as_str(), code), (expected, ExitCode::from(3)));
    }
}
