//! The report of a test run: the lines of the harness with skipped tests corrected, and the summary.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use credwell_test_programs::SkippedTest;

/// What has been read of a run so far.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Report {
    passed: usize,
    failed: usize,
    ignored: usize,
    /// The number of skipped tests by what they need and how to get it.
    skipped: BTreeMap<(String, String), usize>,
    has_results: bool,
    /// The lines of the record that belong to tests that have been read.
    taken: BTreeSet<usize>,
    /// What has been read of the present binary.
    binary: Binary,
}

/// What has been read of the output of one binary.
#[derive(Debug, Default, PartialEq)]
struct Binary {
    skipped: usize,
    /// The harness prints a line for each test, and not only dots.
    has_test_lines: bool,
}

impl Report {
    /// Reads a line of the harness, and returns the line to show. `read_record` returns the present record of
    /// skipped tests: a test records itself before the harness prints its line.
    pub(crate) fn line(&mut self, line: &str, read_record: &dyn Fn() -> String) -> String {
        let plain = without_colours(line);
        if let Some(test) = name_in(&plain, "ok") {
            self.binary.has_test_lines = true;
            let skipped = self.take(&read_record(), Some(test));
            if let Some(first) = skipped.first() {
                self.skip(first);
                let needs: Vec<_> = skipped.iter().map(|skipped| skipped.needs.as_str()).collect();
                let word = if line == plain { "skipped" } else { "\x1b[33mskipped\x1b[m" };
                return format!("test {test} ... {word} (needs {})", needs.join(", "));
            }
        } else if let Some(test) = name_in(&plain, "FAILED") {
            self.binary.has_test_lines = true;
            // A test that lacks one program and fails with another has failed.
            self.take(&read_record(), Some(test));
        } else if let Some(counts) = plain.strip_prefix("test result: ").and_then(counts) {
            return self.result(line, counts, read_record);
        }
        line.to_owned()
    }

    /// Reads the result of one binary.
    fn result(
        &mut self,
        line: &str,
        [passed, failed, ignored]: [usize; 3],
        read_record: &dyn Fn() -> String,
    ) -> String {
        if !self.binary.has_test_lines {
            self.skip_remaining(&read_record());
        }
        let skipped = std::mem::take(&mut self.binary).skipped;
        let remaining = passed.saturating_sub(skipped);
        self.has_results = true;
        self.passed += remaining;
        self.failed += failed;
        self.ignored += ignored;
        if skipped == 0 {
            return line.to_owned();
        }
        line.replacen(&format!("{passed} passed"), &format!("{remaining} passed; {skipped} skipped"), 1)
    }

    /// Reads the record after the last line. What is left of it belongs to tests without a line of their own,
    /// as with the option `--nocapture`, or to a binary that has ended without a result.
    pub(crate) fn finish(&mut self, record: &str) {
        self.skip_remaining(record);
        self.passed = self.passed.saturating_sub(self.binary.skipped);
    }

    /// Counts the tests in the rest of the record as skipped, each test once.
    fn skip_remaining(&mut self, record: &str) {
        let mut tests = BTreeMap::new();
        for skipped in self.take(record, None) {
            tests.entry(skipped.test.clone()).or_insert(skipped);
        }
        tests.values().for_each(|skipped| self.skip(skipped));
    }

    /// Counts a skipped test by the first thing that it needs.
    fn skip(&mut self, skipped: &SkippedTest) {
        self.binary.skipped += 1;
        *self.skipped.entry((skipped.needs.clone(), skipped.remedy.clone())).or_default() += 1;
    }

    /// Takes the new lines of the record, those of one test or all of them.
    fn take(&mut self, record: &str, test: Option<&str>) -> Vec<SkippedTest> {
        let lines = SkippedTest::read(record).enumerate();
        let wanted = lines.filter(|(_, skipped)| test.is_none_or(|test| skipped.test == test));
        wanted.filter(|(number, _)| self.taken.insert(*number)).map(|(_, skipped)| skipped).collect()
    }
}

impl fmt::Display for Report {
    /// The summary. Its last line is `N passed, N failed, N skipped`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.has_results {
            return Ok(());
        }
        writeln!(formatter)?;
        for ((needs, remedy), count) in &self.skipped {
            writeln!(formatter, "  {count} skipped: needs {needs}; to run: {remedy}")?;
        }
        if self.ignored > 0 {
            writeln!(formatter, "  {} skipped: marked as ignored", self.ignored)?;
        }
        let skipped = self.skipped.values().sum::<usize>() + self.ignored;
        writeln!(formatter, "{} passed, {} failed, {skipped} skipped", self.passed, self.failed)
    }
}

/// The name of the test in a line of the harness with this outcome.
fn name_in<'line>(line: &'line str, outcome: &str) -> Option<&'line str> {
    let name = line.strip_prefix("test ")?.strip_suffix(outcome)?.strip_suffix(" ... ")?;
    Some(name.strip_suffix(" - should panic").unwrap_or(name))
}

/// The numbers of passed, failed and ignored tests in a result: `ok. 3 passed; 0 failed; 1 ignored; …`.
fn counts(result: &str) -> Option<[usize; 3]> {
    let (_, counts) = result.split_once(". ")?;
    let mut parts = counts.split("; ");
    let mut count = |word: &str| parts.next()?.strip_suffix(word)?.trim_end().parse().ok();
    Some([count("passed")?, count("failed")?, count("ignored")?])
}

/// The line without the escape sequences of colours.
fn without_colours(line: &str) -> String {
    let mut parts = line.split('\x1b');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // Either a colour, `[32m`, or the choice of a character set, `(B`.
        let rest = part.strip_prefix("(B").or_else(|| Some(part.split_once('m')?.1));
        plain.push_str(rest.unwrap_or(part));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = "stores::redis\tredis-server\tapt-get install redis-server\tnot found\n\
                          stores::both\tredis-server\tapt-get install redis-server\tnot found\n\
                          stores::both\tnats-server\tapt-get install nats-server\tnot found\n";

    const RESULT: &str =
        "test result: \x1b[32mok\x1b[0m. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out";

    fn report(lines: &[&str], record: &str) -> (Vec<String>, Report) {
        let mut report = Report::default();
        let read_record = || record.to_owned();
        let shown = lines.iter().map(|line| report.line(line, &read_record)).collect();
        report.finish(record);
        (shown, report)
    }

    #[test]
    fn a_skipped_test_is_not_shown_as_passed() {
        let (shown, report) = report(
            &[
                "running 5 tests",
                "test stores::redis ... \x1b[32mok\x1b(B\x1b[m",
                "test stores::memory ... ok",
                "test stores::both - should panic ... ok",
                "test stores::file ... FAILED",
                "test result: FAILED. 3 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s",
            ],
            RECORD,
        );
        assert_eq!(shown[1], "test stores::redis ... \x1b[33mskipped\x1b[m (needs redis-server)");
        assert_eq!(shown[2], "test stores::memory ... ok");
        assert_eq!(shown[3], "test stores::both ... skipped (needs redis-server, nats-server)");
        assert!(shown[5].starts_with("test result: FAILED. 1 passed; 2 skipped; 1 failed; 1 ignored;"));
        assert_eq!(
            report.to_string(),
            "\n  2 skipped: needs redis-server; to run: apt-get install redis-server\n  \
             1 skipped: marked as ignored\n1 passed, 1 failed, 3 skipped\n"
        );
    }

    #[test]
    fn results_of_several_binaries_are_added() {
        let (shown, report) = report(&[RESULT, RESULT], "");
        assert_eq!(shown, [RESULT, RESULT]);
        assert_eq!(report.to_string(), "\n10 passed, 0 failed, 0 skipped\n");
    }

    #[test]
    fn a_skip_in_one_binary_does_not_count_in_the_next() {
        let test = "test stores::redis ... ok";
        let (shown, report) = report(&[test, "test stores::both ... ok", RESULT, test, RESULT], RECORD);
        assert_eq!(shown[3], test);
        assert!(shown[2].contains("3 passed; 2 skipped") && shown[4] == RESULT, "{shown:?}");
        assert!(report.to_string().ends_with("\n8 passed, 0 failed, 2 skipped\n"), "{report}");
    }

    #[test]
    fn a_failed_test_counts_as_failed_only() {
        let result = "test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out";
        let (_, report) = report(&["test stores::redis ... FAILED", result], RECORD.lines().next().unwrap());
        assert_eq!(report.to_string(), "\n0 passed, 1 failed, 0 skipped\n");
    }

    #[test]
    fn skips_are_counted_without_lines_for_tests() {
        let (shown, terse) = report(&["running 5 tests", ".....", RESULT], RECORD);
        assert!(shown[2].contains("3 passed; 2 skipped"), "{shown:?}");
        assert!(terse.to_string().ends_with("\n3 passed, 0 failed, 2 skipped\n"), "{terse}");
        // With --nocapture the output of a test is in its line.
        let lines = ["test stores::memory ... ok", "test stores::both ... skipped: needs", "ok", RESULT];
        let (_, uncaptured) = report(&lines, RECORD);
        assert!(uncaptured.to_string().ends_with("\n3 passed, 0 failed, 2 skipped\n"), "{uncaptured}");
    }

    #[test]
    fn a_run_without_results_has_no_summary() {
        let (shown, report) = report(&["error: could not compile", "a::b: test"], "");
        assert_eq!(shown, ["error: could not compile", "a::b: test"]);
        assert_eq!(report.to_string(), "");
    }
}
