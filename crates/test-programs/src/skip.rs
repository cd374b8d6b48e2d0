//! The skip of a test whose program is missing.

use std::fs::OpenOptions;
use std::io::Write;

/// The environment variable with the file that records skipped tests. `cargo xtask test` sets it.
pub const RECORD_VARIABLE: &str = "CREDWELL_SKIPPED_TESTS";

/// Skips the test that calls it, which returns afterwards. `needs` names the program or the right that is missing,
/// `reason` says what was found, and `remedy` how to get it.
///
/// # Panics
///
/// In continuous integration, where every program has to be there.
pub fn skip(needs: &str, reason: &str, remedy: &str) {
    let reason = reason.lines().next().unwrap_or_default();
    assert!(std::env::var_os("CI").is_none(), "the test needs {needs} ({reason}): {remedy}");
    // The macros' output is shown only for tests that fail.
    _ = writeln!(std::io::stderr(), "skipped: needs {needs} ({reason}): {remedy}");
    let Some(file) = std::env::var_os(RECORD_VARIABLE) else { return };
    // The test harness names the thread of a test after the test.
    let thread = std::thread::current();
    let test = thread.name().unwrap_or_default();
    let line = format!("{test}\t{needs}\t{}\n", remedy.replace(['\t', '\n'], " "));
    // One write, so that the lines of tests that run at the same time stay apart.
    let written = OpenOptions::new().append(true).create(true).open(file);
    let written = written.and_then(|mut file| file.write_all(line.as_bytes()));
    written.expect("the skipped test can be recorded");
}

/// What a test needs, if it is there. Skips the test otherwise.
///
/// # Panics
///
/// In continuous integration, as [`skip`] does.
pub fn available<'a, T>(needs: &str, found: &'a anyhow::Result<T>, remedy: &str) -> Option<&'a T> {
    match found {
        Ok(found) => Some(found),
        Err(error) => {
            skip(needs, &format!("{error:#}"), remedy);
            None
        }
    }
}
