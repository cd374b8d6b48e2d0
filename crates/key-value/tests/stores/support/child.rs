//! The child process of a test: this test program again, which runs one of its tests in the role of the
//! child.

use std::process::{Command, Stdio};

/// The environment variable with the child's subject: the file or the URLs on which the child works.
const SUBJECT: &str = "CREDWELL_TEST_SUBJECT";

/// The command that runs the test of this name as a child on `subject`. The standard output is a pipe, which
/// has the lines of the test runner and then those of the test.
pub(crate) fn command(test: &str, subject: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.args([test, "--exact", "--nocapture"]).env(SUBJECT, subject);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    command
}

/// The subject, if this process is the child. `None` in the parent, where the test does nothing.
pub(crate) fn subject() -> Option<String> {
    std::env::var(SUBJECT).ok()
}
