//! Real Redis and NATS servers, each with a port and a folder of its own. A server ends with its test.

use anyhow::{Context, bail};
use credwell_test_programs::{available, search_path, succeed};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// The kinds of servers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Redis,
    Nats,
}

/// A running server. It is killed when it is dropped.
pub(crate) struct Server {
    kind: Kind,
    child: Child,
    port: u16,
    /// Further lines of the server's configuration file. `FOLDER` and `PORT` stand for its folder and port.
    settings: String,
    folder: TempDir,
}

/// The number of attempts to start a server. Another process may take the free port before the server binds
/// it.
const ATTEMPTS: usize = 5;

impl Server {
    /// Starts a server. `None` if this machine has no such server: the test is skipped.
    pub(crate) fn start(kind: Kind, settings: &str) -> Option<Self> {
        let program = kind.program();
        let found = succeed(Command::new(program).arg("--version").env("PATH", search_path()));
        available(program, &found, &format!("apt-get install {program}"))?;
        let folder = tempfile::tempdir().expect("a folder");
        let started = (0..ATTEMPTS).find_map(|_| {
            let port = free_port();
            Some((run(kind, port, folder.path(), settings).ok()?, port))
        });
        let (child, port) = started.expect("the server starts");
        Some(Self { kind, child, port, settings: settings.to_owned(), folder })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The server's folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A store's URL, without parameters.
    pub(crate) fn url(&self) -> String {
        match self.kind {
            Kind::Redis => format!("redis://127.0.0.1:{}", self.port),
            Kind::Nats => format!("nats://127.0.0.1:{}", self.port),
        }
    }

    /// Kills the server with SIGKILL.
    pub(crate) fn kill(&mut self) {
        // The only error: the server has already ended.
        _ = self.child.kill();
        _ = self.child.wait();
    }

    /// Starts the server again on its port, with the data in its folder.
    pub(crate) fn restart(&mut self) {
        self.kill();
        self.child = run(self.kind, self.port, self.folder.path(), &self.settings).expect("it starts again");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Starts the server and waits until it says that it is ready.
fn run(kind: Kind, port: u16, folder: &Path, settings: &str) -> anyhow::Result<Child> {
    let folder = folder.display();
    let (argument, ready, config) = match kind {
        Kind::Redis => {
            let config = format!("bind 127.0.0.1\nport {port}\ndir {folder}\nsave \"\"\n{settings}\n");
            let config = config.replace("PORT", &port.to_string());
            ("-", "Ready to accept connections", config)
        }
        Kind::Nats => {
            let config =
                format!("listen: 127.0.0.1:{port}\n{settings}\n").replace("FOLDER", &folder.to_string());
            ("--config=/dev/stdin", "Server is ready", config)
        }
    };
    let program = kind.program();
    let mut command = Command::new(program);
    command.env("PATH", search_path());
    command.arg(argument).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("{program} can't be run"))?;
    // The configuration goes to the standard input, so that the list of processes shows no password.
    child.stdin.take().context("a standard input")?.write_all(config.as_bytes())?;
    let output: Box<dyn Read + Send> = match kind {
        Kind::Redis => Box::new(child.stdout.take().context("an output")?),
        Kind::Nats => Box::new(child.stderr.take().context("an output")?),
    };
    let mut lines = BufReader::new(output).lines();
    let mut log = Vec::new();
    loop {
        match lines.next().transpose()? {
            Some(line) if line.contains(ready) => break,
            Some(line) => log.push(line),
            None => {
                _ = child.wait();
                bail!("{program} ended: {}", log.join("\n"));
            }
        }
    }
    // Reads on, because a full pipe would block the server.
    std::thread::spawn(move || lines.for_each(drop));
    Ok(child)
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

impl Kind {
    /// The server's program, which is also the name of Debian's package.
    fn program(self) -> &'static str {
        match self {
            Self::Redis => "redis-server",
            Self::Nats => "nats-server",
        }
    }
}
