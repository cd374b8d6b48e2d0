//! A server under load: a process of its own, measured through `/proc`.

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// How long a server may take until it listens. It compiles its component, or fills its store, first.
const START_TIMEOUT: Duration = Duration::from_secs(300);

/// How often a server that prints nothing is looked at.
const POLL: Duration = Duration::from_millis(20);

/// The unit of the processor times in `/proc/<pid>/stat`: a hundredth of a second (`man 7 time`).
const TICK: Duration = Duration::from_millis(10);

/// A running server. It is killed when it is dropped, with the program that keeps its store.
pub struct Server {
    child: Child,
    companion: Option<Box<Self>>,
    address: SocketAddr,
}

impl Server {
    /// Starts a program whose first line on the standard output is `listening on http://ADDRESS`.
    ///
    /// # Errors
    ///
    /// The program can't be started, ends, or doesn't print that line in time.
    pub async fn start(mut command: Command) -> anyhow::Result<Self> {
        let mut child = spawn(command.stdout(Stdio::piped()))?;
        let mut output = BufReader::new(child.stdout.take().context("the output is piped")?);
        let mut line = String::new();
        timeout(START_TIMEOUT, output.read_line(&mut line)).await.context("the server doesn't listen")??;
        let address = line.trim().strip_prefix("listening on http://");
        let address = address.context("the server has ended: --show-logs shows its log")?.parse()?;
        Ok(Self { child, companion: None, address })
    }

    /// Starts a program that listens on `address` and does not say when.
    ///
    /// # Errors
    ///
    /// The program can't be started, ends, or doesn't listen in time.
    pub async fn start_on(address: SocketAddr, mut command: Command) -> anyhow::Result<Self> {
        let mut child = spawn(&mut command)?;
        let listens = async {
            while TcpStream::connect(address).is_err() {
                if let Some(status) = child.try_wait()? {
                    bail!("{:?} has ended: {status}", command.as_std().get_program());
                }
                sleep(POLL).await;
            }
            anyhow::Ok(())
        };
        timeout(START_TIMEOUT, listens).await.context("the server doesn't listen")??;
        Ok(Self { child, companion: None, address })
    }

    /// Adds the program that keeps the server's store. Its processor time and its memory count too.
    #[must_use]
    pub fn with_companion(mut self, companion: Self) -> Self {
        self.companion = Some(Box::new(companion));
        self
    }

    /// The address on which the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The resident memory of the server's processes, in bytes.
    ///
    /// # Errors
    ///
    /// A process has ended, or the system is not Linux.
    pub fn memory(&self) -> anyhow::Result<u64> {
        self.processes()?.into_iter().map(|id| parse_memory(&read(id, "status")?)).sum()
    }

    /// The processor time of all threads of the server's processes, to a hundredth of a second.
    ///
    /// # Errors
    ///
    /// A process has ended, or the system is not Linux.
    pub fn processor_time(&self) -> anyhow::Result<Duration> {
        self.processes()?.into_iter().map(|id| parse_processor_time(&read(id, "stat")?)).sum()
    }

    /// The server's process, its children and its companion.
    fn processes(&self) -> anyhow::Result<Vec<u32>> {
        let id = self.child.id().context("the server has ended")?;
        let mut processes = vec![id];
        // A kernel without this file has the server's own process only.
        let children = read(id, &format!("task/{id}/children")).unwrap_or_default();
        processes.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
        if let Some(companion) = &self.companion {
            processes.extend(companion.processes()?);
        }
        Ok(processes)
    }
}

/// The children of a killed process would live on.
impl Drop for Server {
    fn drop(&mut self) {
        let own = self.child.id();
        for id in self.processes().unwrap_or_default().into_iter().filter(|id| Some(*id) != own) {
            if let Some(id) = i32::try_from(id).ok().and_then(Pid::from_raw) {
                _ = kill_process(id, Signal::KILL);
            }
        }
    }
}

/// The resident memory of this process, in bytes.
///
/// # Errors
///
/// The system is not Linux.
pub fn own_memory() -> anyhow::Result<u64> {
    parse_memory(&read(std::process::id(), "status")?)
}

/// A free port of the loopback. Another program can take it before it is used.
///
/// # Errors
///
/// No port is free.
pub fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn spawn(command: &mut Command) -> anyhow::Result<Child> {
    let child = command.stdin(Stdio::null()).kill_on_drop(true).spawn();
    child.with_context(|| format!("can't start {:?}", command.as_std().get_program()))
}

fn read(id: u32, file: &str) -> anyhow::Result<String> {
    let path = format!("/proc/{id}/{file}");
    std::fs::read_to_string(&path).with_context(|| format!("can't read {path}"))
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
    async fn a_server_is_stopped_with_its_children() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & echo listening on http://127.0.0.1:1; wait"]);
        let server = Server::start(command).await.expect("it says that it listens");
        let processes = server.processes().expect("it runs");
        // Without the file of the kernel that lists children, there is nothing to see.
        if let [_, child] = *processes {
            drop(server);
            let is_gone = || !read(child, "stat").is_ok_and(|stat| !stat.contains(") Z "));
            for _ in 0..500 {
                if is_gone() {
                    return;
                }
                sleep(POLL).await;
            }
            panic!("the child lives on");
        }
    }

    #[tokio::test]
    async fn a_program_that_ends_without_a_word_is_told() {
        let error = Server::start(Command::new("true")).await.err().expect("it doesn't listen");
        assert!(error.to_string().contains("ended"), "{error:#}");
    }
}
