//! The load generator: the program `wrk` with the script `load.lua`.

use crate::latencies::Latencies;
use anyhow::{Context, bail, ensure};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::process::Command;

/// The usual number of concurrent connections. Each sends its next request after the response to the last.
pub const CONNECTIONS: u64 = 64;

/// The largest number of wrk's threads.
pub const THREADS: u64 = 2;

/// The accounts that are requested repeatedly, and so are in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accounts<'a> {
    /// The beginning of each account's name. The rest is a number from 1.
    pub prefix: &'a str,
    /// The number of accounts.
    pub count: u64,
}

/// The usual accounts.
pub const WARM_ACCOUNTS: Accounts<'_> = Accounts { prefix: "w", count: 100 };

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/load.lua");

/// One round of load on one server.
pub struct Load<'a> {
    /// The server's address.
    pub server: SocketAddr,
    /// The broker token of the requests.
    pub token: &'a str,
    /// The round's name, of letters and digits. Rounds with different names have different accounts for their
    /// misses.
    pub round: &'a str,
    /// The share of requests for an account that was never requested before, in percent.
    pub miss_percent: u64,
    /// The accounts of the other requests.
    pub accounts: Accounts<'a>,
    /// The number of connections.
    pub connections: u64,
    /// The duration in whole seconds.
    pub seconds: u64,
}

/// The outcome of a round.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// The number of responses, of any status.
    pub requests: u64,
    /// The duration.
    pub elapsed: Duration,
    /// The number of responses with a status of 400 or more.
    pub refused: u64,
    /// The number of failed connections, reads and writes, and of responses that took longer than two
    /// seconds.
    pub failed: u64,
    /// The latencies of the responses.
    pub latencies: Latencies,
}

impl Load<'_> {
    /// Runs wrk.
    ///
    /// # Errors
    ///
    /// wrk is missing, fails, or prints something unexpected.
    pub async fn run(&self) -> anyhow::Result<Outcome> {
        let mut command = Command::new("wrk");
        let threads = THREADS.min(self.connections);
        command
            .args([format!("-t{threads}"), format!("-c{}", self.connections), format!("-d{}s", self.seconds)])
            .args(["-s", SCRIPT, &format!("http://{}", self.server), "--", self.round])
            .args([&self.miss_percent.to_string(), self.accounts.prefix, &self.accounts.count.to_string()])
            .env("CREDWELL_BROKER_TOKENS", self.token)
            .kill_on_drop(true);
        let output = command.output().await.context("can't start wrk")?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            bail!("wrk: {}: {text}{}", output.status, String::from_utf8_lossy(&output.stderr));
        }
        Outcome::parse(&text, self.connections)
            .with_context(|| format!("wrk: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

impl Outcome {
    /// The number of responses per second.
    pub fn rate(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }

    /// The number of refused and failed requests.
    pub fn errors(&self) -> u64 {
        self.refused + self.failed
    }

    /// Reads the lines that the script prints.
    fn parse(text: &str, connections: u64) -> anyhow::Result<Self> {
        let summary = text.lines().find_map(|line| line.strip_prefix("credwell-summary "));
        let summary = numbers::<4>(summary.context("the script gave no summary")?)?;
        let [requests, microseconds, refused, failed] = summary;
        let lines = text.lines().filter_map(|line| line.strip_prefix("credwell-latency "));
        let latencies = lines.map(|line| numbers::<2>(line).map(|[latency, count]| (latency, count)));
        let latencies = latencies.collect::<anyhow::Result<Latencies>>()?;
        // wrk corrects nothing if there was less than one response per connection.
        let latencies = match requests / connections {
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

/// Checks that wrk is there. `cargo xtask bench` installs it where it can.
///
/// # Errors
///
/// It is missing. The message says what to do.
pub async fn require() -> anyhow::Result<()> {
    ensure!(is_installed().await, "wrk is missing: install it, on Debian with `apt-get install wrk`");
    Ok(())
}

/// Whether wrk can be run.
pub async fn is_installed() -> bool {
    // Without a URL it prints its version and fails.
    Command::new("wrk").arg("--version").output().await.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_the_script_are_read_among_those_of_wrk() {
        // 640 responses in a second are ten per connection, so the mean is 100 ms. For the latency of 320 ms
        // wrk has added 220 and 120 ms.
        let text = "Running 1s test @ http://127.0.0.1:1\n  Thread Stats   Avg\n\
            credwell-summary 640 1000000 2 3\ncredwell-latency 90000 639\ncredwell-latency 120000 1\n\
            credwell-latency 220000 1\ncredwell-latency 320000 1\n";
        let outcome = Outcome::parse(text, 64).expect("it is what the script prints");
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
            assert!(Outcome::parse(text, 64).is_err(), "{text}");
        }
    }
}
