//! The runner of the program: a home folder, the process and its output.

use credwell_sample_upstream::SampleUpstream;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// An API key that the sample upstream refuses.
pub(crate) const KEY_NOT_ISSUED: &str = "pd_wrong_key_5d1e";

/// The variable for a store in memory.
pub(crate) const MEMORY: (&str, &str) = ("CREDWELL_STORE_URL", "memory:");

/// An empty home folder for runs of the program.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder can be created"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file that only its owner can read, and returns its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.path().join(name);
        std::fs::write(&path, text).expect("the folder can be written to");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("the file is ours");
        path.into_os_string().into_string().expect("the path is text")
    }

    /// The program with these arguments. Of the variables that it reads, only `variables` are set.
    pub(crate) fn command(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_credwell"));
        let is_read = |name: &str| ["CREDWELL_", "XDG_"].iter().any(|prefix| name.starts_with(prefix));
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_read(&name.to_string_lossy())) {
            command.env_remove(name);
        }
        command.env("HOME", self.path()).args(arguments).envs(variables.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Runs the program to its end.
    pub(crate) async fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> RunResult {
        self.command(arguments, variables).output().await.expect("the program starts").into()
    }

    /// Runs the program to its end, with `input` on its standard input.
    pub(crate) async fn run_with_input(
        &self,
        arguments: &[&str],
        variables: &[(&str, &str)],
        input: &str,
    ) -> RunResult {
        let mut command = self.command(arguments, variables);
        let mut child = command.stdin(Stdio::piped()).spawn().expect("the program starts");
        let mut pipe = child.stdin.take().expect("the input is piped");
        pipe.write_all(input.as_bytes()).await.expect("the program reads its input");
        drop(pipe);
        child.wait_with_output().await.expect("the program can be waited for").into()
    }

    /// Starts `serve` on a free port. Returns the process, its address and the first `lines` lines of its
    /// output.
    pub(crate) async fn serve(
        &self,
        arguments: &[&str],
        variables: &[(&str, &str)],
        lines: usize,
    ) -> (Child, SocketAddr, Vec<String>) {
        self.serve_with_log(Stdio::inherit(), arguments, variables, lines).await
    }

    /// Starts the server as [`serve`](Self::serve) does, with this standard error.
    pub(crate) async fn serve_with_log(
        &self,
        log: Stdio,
        arguments: &[&str],
        variables: &[(&str, &str)],
        lines: usize,
    ) -> (Child, SocketAddr, Vec<String>) {
        let arguments = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
        let mut child = self.command(&arguments, variables).stderr(log).spawn().expect("the program starts");
        let output = child.stdout.take().expect("the output is piped").into_owned_fd().expect("it is a pipe");
        let read = move || -> Vec<String> {
            let output = std::io::BufReader::new(std::fs::File::from(output));
            let lines = std::io::BufRead::lines(output).take(lines);
            lines.map(|line| line.expect("the output is text")).collect()
        };
        let first = tokio::task::spawn_blocking(read).await.expect("the reader doesn't panic");
        let address = first[0].strip_prefix("listening on http://").expect("the first line has the address");
        (child, address.parse().expect("an address"), first)
    }
}

/// The exit status and the output of a run.
pub(crate) struct RunResult {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for RunResult {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { status: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

impl RunResult {
    /// Asserts the exit status. A failed assertion shows the output.
    #[track_caller]
    pub(crate) fn expect(self, status: i32) -> Self {
        assert_eq!(self.status, Some(status), "{}{}", self.stdout, self.stderr);
        self
    }

    /// The rows of the table, split into words.
    pub(crate) fn rows(&self) -> Vec<Vec<&str>> {
        let rows = self.stdout.lines().filter(|line| line.starts_with("apn_"));
        rows.map(|row| row.split_whitespace().collect()).collect()
    }

    /// The objects of `--json`.
    pub(crate) fn objects(&self) -> Vec<serde_json::Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
    }

    /// Asserts that the output does not contain the secret.
    #[track_caller]
    pub(crate) fn assert_without(&self, secret: &str) {
        assert!(
            !self.stdout.contains(secret) && !self.stderr.contains(secret),
            "{}{}",
            self.stdout,
            self.stderr
        );
    }
}

/// Sends a signal and waits for the exit status.
pub(crate) async fn end(mut child: Child, signal: &str) -> Option<i32> {
    let id = child.id().expect("the program runs").to_string();
    let sent = Command::new("kill").args([signal, &id]).status().await.expect("there is a program kill");
    assert!(sent.success());
    let ended = timeout(Duration::from_secs(5), child.wait()).await.expect("the program ends in time");
    ended.expect("the program can be waited for").code()
}

/// Starts the sample upstream.
pub(crate) async fn upstream() -> SampleUpstream {
    SampleUpstream::start().await.expect("a port of the loopback is free")
}
