//! The skip of a test whose program is missing.

use std::fs::OpenOptions;
use std::io::Write;

/// The environment variable with the path of the record: the file that lists skipped tests. `cargo xtask
/// test` sets it. The prefix is not `CREDWELL_`, because the program warns about such variables.
pub const RECORD_VARIABLE: &str = "XTASK_SKIPPED_TESTS";

/// One line of the record: a test, and one thing that the test needs and does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedTest {
    /// The path of the test's function in its binary.
    pub test: String,
    /// The program or the right that is missing.
    pub needs: String,
    /// How to get it.
    pub remedy: String,
    /// What the test found instead.
    pub reason: String,
}

impl SkippedTest {
    /// Reads the lines of the record.
    pub fn read(record: &str) -> impl Iterator<Item = Self> {
        record.lines().filter_map(|line| {
            let mut fields = line.split('\t').map(str::to_owned);
            let [test, needs, remedy, reason] = std::array::from_fn(|_| fields.next());
            Some(Self { test: test?, needs: needs?, remedy: remedy?, reason: reason? })
        })
    }

    fn line(&self) -> String {
        let fields = [&self.test, &self.needs, &self.remedy, &self.reason];
        let fields = fields.map(|field| field.replace(['\t', '\n'], " "));
        format!("{}\n", fields.join("\t"))
    }
}

/// Skips the test that calls it, which returns afterwards. `needs` names the program or the right that is
/// missing, `reason` says what was found, and `remedy` how to get it.
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
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    let [needs, remedy, reason] = [needs, remedy, reason].map(str::to_owned);
    let line = SkippedTest { test, needs, remedy, reason }.line();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_is_read_as_it_was_written() {
        let written = SkippedTest {
            test: "module::name".to_owned(),
            needs: "a program".to_owned(),
            remedy: "apt-get install\tit".to_owned(),
            reason: "not found\nanywhere".to_owned(),
        };
        let text = format!("{}half a line\tonly\n{}", written.line(), written.line());
        let read: Vec<_> = SkippedTest::read(&text).collect();
        let expected = SkippedTest {
            remedy: "apt-get install it".to_owned(),
            reason: "not found anywhere".to_owned(),
            ..written
        };
        assert_eq!(read, [expected.clone(), expected]);
    }
}
