//! Another process: this very program, which runs one of its tests in a role of its own.

use std::process::{Command, Stdio};

/// The variable that says what the other process works on.
const SUBJECT: &str = "CREDWELL_TEST_SUBJECT";

/// This program, to run the test of this name on `subject`. Its output is a pipe, on which the test's own lines follow
/// upon those of the test runner.
pub(crate) fn command(test: &str, subject: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.args([test, "--exact", "--nocapture"]).env(SUBJECT, subject);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    command
}

/// What this process works on, if it is the other one. Otherwise the test has nothing to do.
pub(crate) fn subject() -> Option<String> {
    std::env::var(SUBJECT).ok()
}
