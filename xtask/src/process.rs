//! Running other programs, with errors that name the whole command line.

use std::env;
use std::ffi::{OsStr, OsString};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How often a program that has a time limit is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The cargo that runs this tool, so that everything is built by the same one.
pub(crate) fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"))
}

/// Beginnings of the variables that describe the package of this tool. A build script that depends on one of
/// them, such as the one of ring, would run again whenever this tool and a plain cargo take turns.
const PACKAGE_VARIABLES: &[&str] =
    &["CARGO_BIN_", "CARGO_CRATE_", "CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_PRIMARY_"];

/// Subcommands of cargo that read no lock file, and refuse the option for it.
const WITHOUT_LOCK_FILE: &[&str] = &["fmt"];

/// A command of cargo for the host, with the environment that a plain cargo has. It takes the versions of the
/// lock file and no others.
pub(crate) fn host_cargo(subcommand: &str) -> Command {
    let mut command = Command::new(cargo());
    command.arg(subcommand);
    if !WITHOUT_LOCK_FILE.contains(&subcommand) {
        command.arg("--locked");
    }
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if PACKAGE_VARIABLES.iter().any(|beginning| text.starts_with(beginning)) {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs a command to its end and fails if it fails. What it prints goes to standard error, which leaves
/// standard output to what the user asked for.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    command.stdout(Stdio::from(std::io::stderr()));
    let status = command.status().with_context(|| format!("can't start: {}", describe(command)))?;
    if !status.success() {
        bail!("{status}: {}", describe(command));
    }
    Ok(())
}

/// Runs a command and returns what it prints, without the white space around it.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("can't start: {}", describe(command)))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("{}: {}\n{}", output.status, describe(command), errors.trim());
    }
    let text =
        String::from_utf8(output.stdout).with_context(|| format!("not UTF-8: {}", describe(command)))?;
    Ok(text.trim().to_owned())
}

/// Whether a command succeeds within the time limit. It is silent, whatever happens.
pub(crate) fn succeeds_within(command: &mut Command, limit: Duration) -> bool {
    let silent = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut child) = silent.spawn() else {
        return false;
    };
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => thread::sleep(POLL_INTERVAL),
            Err(_) => break,
        }
    }
    // It may have ended by itself in between: either way it is over.
    let _ = child.kill();
    let _ = child.wait();
    false
}

/// Becomes the command, so that signals, the terminal and the exit status are its own.
#[cfg(unix)]
pub(crate) fn hand_over(command: &mut Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt;

    let error = command.exec();
    Err(error).with_context(|| format!("can't start: {}", describe(command)))
}

/// Runs the command to its end and passes its exit status on.
#[cfg(not(unix))]
pub(crate) fn hand_over(command: &mut Command) -> Result<ExitCode> {
    let status = command.status().with_context(|| format!("can't start: {}", describe(command)))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// The command as one could type it: the variables that it sets, the program and its arguments.
fn describe(command: &Command) -> String {
    let variables = command.get_envs().filter_map(|(name, value)| {
        let value = quoted(value?);
        // All that matters of a search path is what the tool put in front of the user's own.
        let inherited = env::var_os(name).filter(|_| name == "PATH").map(|path| quoted(&path));
        let shown = match inherited.and_then(|path| value.strip_suffix(&path).map(str::to_owned)) {
            Some(added) => format!("{added}$PATH"),
            None => value,
        };
        Some(format!("{}={shown}", name.display()))
    });
    let program = std::iter::once(quoted(command.get_program()));
    let words: Vec<String> = variables.chain(program).chain(command.get_args().map(quoted)).collect();
    words.join(" ")
}

/// The word, in quotes if a shell would take it apart.
fn quoted(word: &OsStr) -> String {
    let text = word.to_string_lossy();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_=+./:,@%".contains(letter);
    if !text.is_empty() && text.chars().all(plain) {
        return text.into_owned();
    }
    // The separator of CARGO_ENCODED_RUSTFLAGS is a control character, which a terminal would swallow.
    let visible = text.replace('\'', r"'\''").replace('\x1f', r"\x1f");
    if text.contains('\x1f') { format!("$'{visible}'") } else { format!("'{visible}'") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command_line() {
        let mut command = Command::new("false");
        command.args(["--one", "two words"]).env("NAME", "a value");
        let error = run(&mut command).unwrap_err().to_string();
        assert!(error.ends_with("NAME='a value' false --one 'two words'"), "{error}");
    }

    #[test]
    fn the_package_of_this_tool_is_kept_from_cargo() {
        let command = host_cargo("build");
        let removed = |name: &str| command.get_envs().any(|it| it == (OsStr::new(name), None));
        // Cargo sets both for a test.
        assert!(removed("CARGO_MANIFEST_DIR") && removed("CARGO_PKG_NAME") && !removed("CARGO"));
    }

    #[test]
    fn cargo_keeps_to_the_lock_file() {
        let words = |subcommand| host_cargo(subcommand).get_args().map(OsStr::to_owned).collect::<Vec<_>>();
        for subcommand in ["build", "clippy", "doc", "install", "run", "test"] {
            assert_eq!(words(subcommand), [subcommand, "--locked"]);
        }
        assert_eq!(words("fmt"), ["fmt"]);
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = read(&mut Command::new("no-such-program")).unwrap_err().to_string();
        assert_eq!(error, "can't start: no-such-program");
    }

    #[test]
    fn a_program_is_stopped_at_its_time_limit() {
        let start = Instant::now();
        assert!(!succeeds_within(Command::new("sleep").arg("60"), Duration::from_millis(200)));
        assert!(start.elapsed() < Duration::from_secs(30));
        assert!(succeeds_within(&mut Command::new("true"), Duration::from_secs(30)));
    }
}
