//! A server under load: a process of its own, measured through `/proc`.

use anyhow::Context;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long a server may take until it listens. It compiles its component first.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// The unit of the processor times in `/proc/<pid>/stat`: a hundredth of a second (`man 7 time`).
const TICK: Duration = Duration::from_millis(10);

/// A running server. It is killed when it is dropped.
pub struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts a program whose first line on the standard output is `listening on http://ADDRESS`.
    ///
    /// # Errors
    ///
    /// The program can't be started, ends, or doesn't print that line within a minute.
    pub async fn start(mut command: Command) -> anyhow::Result<Self> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn();
        let mut child = child.with_context(|| format!("can't start {:?}", command.as_std().get_program()))?;
        let mut output = BufReader::new(child.stdout.take().context("the output is piped")?);
        let mut line = String::new();
        timeout(START_TIMEOUT, output.read_line(&mut line)).await.context("the server doesn't listen")??;
        let address = line.trim().strip_prefix("listening on http://");
        let address = address.context("the server has ended: --show-logs shows its log")?.parse()?;
        Ok(Self { child, address })
    }

    /// The address on which the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The resident memory of the server's process, in bytes.
    ///
    /// # Errors
    ///
    /// The process has ended, or the system is not Linux.
    pub fn memory(&self) -> anyhow::Result<u64> {
        parse_memory(&self.read("status")?)
    }

    /// The processor time of all threads of the server's process, to a hundredth of a second.
    ///
    /// # Errors
    ///
    /// The process has ended, or the system is not Linux.
    pub fn processor_time(&self) -> anyhow::Result<Duration> {
        parse_processor_time(&self.read("stat")?)
    }

    fn read(&self, file: &str) -> anyhow::Result<String> {
        let id = self.child.id().context("the server has ended")?;
        let path = format!("/proc/{id}/{file}");
        std::fs::read_to_string(&path).with_context(|| format!("can't read {path}"))
    }
}

fn parse_memory(status: &str) -> anyhow::Result<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = value.and_then(|value| value.trim().strip_suffix(" kB"));
    let kibibytes: u64 = kibibytes.context("the process's status has no VmRSS")?.parse()?;
    Ok(kibibytes << 10)
}

fn parse_processor_time(stat: &str) -> anyhow::Result<Duration> {
    // The second field is the program's name in parentheses, which can hold any characters. utime and stime
    // are the fields 14 and 15 (`man 5 proc_pid_stat`).
    let (_, fields) = stat.rsplit_once(')').context("the process's stat has no program name")?;
    let times = fields.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
    let ticks: u32 = times.sum::<Result<_, _>>()?;
    Ok(TICK * ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_process_are_read() {
        let status = "Name:\tx\nVmRSS:\t    1024 kB\nVmPeak:\t 1 kB\n";
        assert_eq!(parse_memory(status).expect("it has the line"), 1 << 20);
        assert!(parse_memory("VmPeak:\t 9000 kB\n").is_err());

        let stat = "17 (a) b) S 1 17 17 0 -1 4194560 500 0 0 0 250 50 7 8 20 0 3 0 123 456 789\n";
        assert_eq!(parse_processor_time(stat).expect("it has the fields"), Duration::from_secs(3));
    }

    #[tokio::test]
    async fn a_program_that_ends_without_a_word_is_told() {
        let error = Server::start(Command::new("true")).await.err().expect("it doesn't listen");
        assert!(error.to_string().contains("ended"), "{error:#}");
    }
}
