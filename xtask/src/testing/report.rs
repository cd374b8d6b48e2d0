//! The report of a test run: the harness's lines with skipped tests corrected, and the summary.

use std::collections::BTreeMap;
use std::fmt;

/// What has been read of a run so far.
#[derive(Debug, Default, PartialEq)]
pub struct Report {
    passed: usize,
    failed: usize,
    ignored: usize,
    /// The lines of the record that belong to a printed test or a printed result.
    recorded: usize,
    /// The skipped tests of the binary whose lines are being read.
    skipped_in_binary: usize,
    /// The number of skipped tests by what they need and how to get it.
    skipped: BTreeMap<(String, String), usize>,
    has_results: bool,
}

/// A line of the record: a skipped test.
struct Record<'a> {
    test: &'a str,
    needs: &'a str,
    remedy: &'a str,
}

fn records(text: &str) -> impl Iterator<Item = Record<'_>> {
    text.lines().filter_map(|line| {
        let mut parts = line.split('\t');
        Some(Record { test: parts.next()?, needs: parts.next()?, remedy: parts.next()? })
    })
}

impl Report {
    /// Reads a line of the harness, and returns it as it is to be shown. `record` reads the record of skipped tests.
    pub fn line(&mut self, line: &str, record: impl Fn() -> String) -> String {
        let plain = without_colours(line);
        if let Some(test) = plain.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... ok")) {
            let record = record();
            if let Some(skipped) = records(&record).find(|skipped| skipped.test == test) {
                return format!("test {test} ... skipped, needs {}", skipped.needs);
            }
        }
        match plain.strip_prefix("test result: ").and_then(counts) {
            Some(counts) => self.result(line, &counts, &record()),
            None => line.to_owned(),
        }
    }

    /// Reads the result of one binary, whose skipped tests are the new ones in the record.
    fn result(&mut self, line: &str, [passed, failed, ignored]: &[usize; 3], record: &str) -> String {
        let skipped = self.count(record);
        let passed_for_real = passed.saturating_sub(skipped);
        self.has_results = true;
        self.passed += passed_for_real;
        self.failed += failed;
        self.ignored += ignored;
        if skipped == 0 {
            return line.to_owned();
        }
        line.replacen(&format!("{passed} passed"), &format!("{passed_for_real} passed; {skipped} skipped"), 1)
    }

    /// Counts the tests that are new in the record. A test that lacks two programs counts once.
    fn count(&mut self, record: &str) -> usize {
        let new: Vec<_> = records(record).skip(self.recorded).collect();
        self.recorded += new.len();
        let mut tests = BTreeMap::new();
        for skipped in &new {
            tests.entry(skipped.test).or_insert((skipped.needs, skipped.remedy));
        }
        for (needs, remedy) in tests.values() {
            *self.skipped.entry(((*needs).to_owned(), (*remedy).to_owned())).or_default() += 1;
        }
        tests.len()
    }

    /// Reads the record after the last line. A binary that was killed has records and no result.
    pub fn finish(&mut self, record: &str) {
        self.count(record);
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
            writeln!(formatter, "{count} skipped: needs {needs}. To run: {remedy}")?;
        }
        if self.ignored > 0 {
            writeln!(formatter, "{} skipped: marked as ignored", self.ignored)?;
        }
        let skipped = self.skipped.values().sum::<usize>() + self.ignored;
        writeln!(formatter, "{} passed, {} failed, {skipped} skipped", self.passed, self.failed)
    }
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

    const RECORD: &str = "stores::redis\tredis-server\tapt-get install redis-server\n\
                          stores::both\tredis-server\tapt-get install redis-server\n\
                          stores::both\tnats-server\tapt-get install nats-server\n";

    fn report(lines: &[&str], record: &str) -> (Vec<String>, Report) {
        let mut report = Report::default();
        let shown = lines.iter().map(|line| report.line(line, || record.to_owned())).collect();
        report.finish(record);
        (shown, report)
    }

    #[test]
    fn a_skipped_test_is_not_shown_as_passed() {
        let (shown, report) = report(
            &[
                "running 4 tests",
                "test stores::redis ... \x1b[32mok\x1b(B\x1b[m",
                "test stores::redis ... ok",
                "test stores::memory ... ok",
                "test stores::both ... ok",
                "test stores::file ... FAILED",
                "test result: FAILED. 3 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s",
            ],
            RECORD,
        );
        assert_eq!(shown[2], "test stores::redis ... skipped, needs redis-server");
        assert_eq!(shown[3], "test stores::memory ... ok");
        assert_eq!(shown[4], "test stores::both ... skipped, needs redis-server");
        assert!(shown[6].starts_with("test result: FAILED. 1 passed; 2 skipped; 1 failed; 1 ignored;"));
        assert_eq!((report.passed, report.failed), (1, 1));
        assert_eq!(
            report.to_string(),
            "\n2 skipped: needs redis-server. To run: apt-get install redis-server\n\
             1 skipped: marked as ignored\n1 passed, 1 failed, 3 skipped\n"
        );
    }

    #[test]
    fn results_of_several_binaries_are_added() {
        let line =
            "test result: \x1b[32mok\x1b[0m. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out";
        let (shown, report) = report(&[line, line], "");
        assert_eq!(shown, [line, line]);
        assert_eq!(report.to_string(), "\n4 passed, 0 failed, 0 skipped\n");
    }

    #[test]
    fn a_skip_in_one_binary_does_not_count_in_the_next() {
        let line = "test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out";
        let (shown, report) = report(&[line, line], RECORD);
        assert!(
            shown[0].contains("3 passed; 2 skipped") && shown[1].contains("5 passed; 0 failed"),
            "{shown:?}"
        );
        assert!(report.to_string().ends_with("\n8 passed, 0 failed, 2 skipped\n"), "{report}");
    }

    #[test]
    fn a_run_without_results_has_no_summary() {
        let (shown, report) = report(&["error: could not compile", "a::b: test"], "");
        assert_eq!(shown, ["error: could not compile", "a::b: test"]);
        assert_eq!(report.to_string(), "");
    }
}
