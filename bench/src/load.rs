//! The load: Debian's `wrk` with a script of ours.

use crate::latencies::Latencies;
use anyhow::{Context, bail, ensure};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::process::Command;

/// How many connections ask at the same time. Each sends its next request when it has the answer to the last.
pub const CONNECTIONS: u64 = 64;

/// How many threads of wrk serve the connections.
pub const THREADS: u64 = 2;

/// How many accounts are asked for again and again.
pub const WARM_ACCOUNTS: u64 = 100;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/load.lua");

/// One round of load on one server.
pub struct Load<'a> {
    /// The server's address.
    pub server: SocketAddr,
    /// The callers' token.
    pub token: &'a str,
    /// A name of letters and digits. No account is missed in two rounds, unless their names are the same.
    pub round: &'a str,
    /// How many in a hundred requests ask for an account that nobody has asked for before.
    pub miss_percent: u64,
    /// For how long, in whole seconds.
    pub seconds: u64,
}

/// What came of one or more rounds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// How many answers there were, whatever their status.
    pub requests: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// How many answers had a status of 400 or more.
    pub refused: u64,
    /// How many connections, reads or writes failed, and how many answers took longer than two seconds.
    pub failed: u64,
    /// How long the answers took.
    pub latencies: Latencies,
}

impl Load<'_> {
    /// Runs wrk.
    ///
    /// # Errors
    ///
    /// wrk isn't there, fails, or prints something unexpected.
    pub async fn run(&self) -> anyhow::Result<Outcome> {
        let mut command = Command::new("wrk");
        command
            .args([format!("-t{THREADS}"), format!("-c{CONNECTIONS}"), format!("-d{}s", self.seconds)])
            .args(["-s", SCRIPT, &format!("http://{}", self.server), "--", self.round])
            .args([self.miss_percent.to_string(), WARM_ACCOUNTS.to_string()])
            .env("CREDWELL_BROKER_TOKENS", self.token)
            .kill_on_drop(true);
        let output = command.output().await.context("can't start wrk")?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            bail!("wrk: {}: {text}{}", output.status, String::from_utf8_lossy(&output.stderr));
        }
        Outcome::parse(&text).with_context(|| format!("wrk: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

impl Outcome {
    /// Adds another round.
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.elapsed += other.elapsed;
        self.refused += other.refused;
        self.failed += other.failed;
        self.latencies.add(&other.latencies);
    }

    /// Answers in a second.
    pub fn rate(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }

    /// Whatever wasn't a good answer.
    pub fn errors(&self) -> u64 {
        self.refused + self.failed
    }

    /// Reads what the script prints.
    fn parse(text: &str) -> anyhow::Result<Self> {
        let summary = text.lines().find_map(|line| line.strip_prefix("credwell-summary "));
        let summary = numbers::<4>(summary.context("the script gave no summary")?)?;
        let [requests, microseconds, refused, failed] = summary;
        let lines = text.lines().filter_map(|line| line.strip_prefix("credwell-latency "));
        let latencies = lines.map(|line| numbers::<2>(line).map(|[latency, count]| (latency, count)));
        let latencies = latencies.collect::<anyhow::Result<Latencies>>()?;
        // wrk leaves its numbers alone where there was less than one answer for each connection.
        let latencies = match requests / CONNECTIONS {
            0 => latencies,
            rounds => latencies.without_correction(microseconds / rounds)?,
        };
        ensure!(latencies.count() <= requests, "there are more latencies than requests");
        Ok(Self { requests, elapsed: Duration::from_micros(microseconds), refused, failed, latencies })
    }
}

fn numbers<const COUNT: usize>(text: &str) -> anyhow::Result<[u64; COUNT]> {
    let numbers: Result<Vec<u64>, _> = text.split(' ').map(str::parse).collect();
    let numbers = numbers.with_context(|| format!("no numbers: {text:?}"))?;
    numbers.try_into().map_err(|_| anyhow::anyhow!("not {COUNT} numbers: {text:?}"))
}

/// Sees to it that there is wrk: on Debian it is installed if it is missing.
///
/// # Errors
///
/// It is missing and can't be installed. The message says what to do.
pub async fn install() -> anyhow::Result<()> {
    if is_installed().await {
        return Ok(());
    }
    eprintln!("installing Debian's package wrk");
    for arguments in [&["update"][..], &["install", "--yes", "--no-install-recommends", "wrk"]] {
        let mut command = Command::new("apt-get");
        // What it prints must not get into the report.
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdout(std::io::stderr());
        if !command.status().await.is_ok_and(|status| status.success()) {
            break;
        }
    }
    ensure!(is_installed().await, "wrk is missing: install it, on Debian with `apt-get install wrk`");
    Ok(())
}

/// Whether wrk can be run.
pub async fn is_installed() -> bool {
    // It ends with 1, whatever it is asked for without a URL.
    Command::new("wrk").arg("--version").output().await.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_the_script_are_read_among_those_of_wrk() {
        // 640 answers, ten on each connection in a second, so 100 ms is the mean; wrk has added 220 and 120 ms for the
        // one that took 320 ms.
        let text = "Running 1s test @ http://127.0.0.1:1\n  Thread Stats   Avg\ncredwell-summary 640 1000000 2 3\n\
            credwell-latency 90000 639\ncredwell-latency 120000 1\ncredwell-latency 220000 1\n\
            credwell-latency 320000 1\n";
        let outcome = Outcome::parse(text).expect("it is what the script prints");
        let expected = Outcome {
            requests: 640,
            elapsed: Duration::from_secs(1),
            refused: 2,
            failed: 3,
            latencies: Latencies::from_iter([(90_000, 639), (320_000, 1)]),
        };
        assert_eq!(outcome, expected);
        assert_eq!((outcome.errors(), outcome.rate()), (5, 640.0));
    }

    #[test]
    fn anything_else_is_an_error() {
        for text in [
            "",
            "credwell-summary 1 1 0",
            "credwell-summary 1 1 0 x",
            "credwell-summary 1 1000 0 0\ncredwell-latency 5",
            "credwell-summary 1 1000 0 0\ncredwell-latency 5 2",
        ] {
            assert!(Outcome::parse(text).is_err(), "{text}");
        }
    }
}
