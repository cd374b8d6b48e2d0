//! Real servers, on ports and in folders of their own. They end with the test.

use anyhow::{Context, bail};
use credwell_test_programs::{available, search_path, succeed};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// The servers that a store can be kept in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Redis,
    Nats,
}

/// A running server, until it is dropped.
pub(crate) struct Server {
    kind: Kind,
    child: Child,
    port: u16,
    /// What the server is told beside port and folder, in its own words. In it, `FOLDER` is its folder and `PORT` its port.
    settings: String,
    folder: TempDir,
}

/// How often another port is tried, where somebody else has taken the one that was free.
const ATTEMPTS: usize = 5;

impl Server {
    /// None where there is no such server on this machine, which is said.
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

    /// The server's folder, for what its settings name.
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

    /// Ends the server without letting it do anything more.
    pub(crate) fn kill(&mut self) {
        // An error says that it has ended already.
        _ = self.child.kill();
        _ = self.child.wait();
    }

    /// Starts it again where it was, with the data that it has kept.
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
    // A password in it is in no list of processes.
    child.stdin.take().context("a standard input")?.write_all(config.as_bytes())?;
    let output: Box<dyn Read + Send> = match kind {
        Kind::Redis => Box::new(child.stdout.take().context("an output")?),
        Kind::Nats => Box::new(child.stderr.take().context("an output")?),
    };
    let mut lines = BufReader::new(output).lines();
    let mut said = Vec::new();
    loop {
        match lines.next().transpose()? {
            Some(line) if line.contains(ready) => break,
            Some(line) => said.push(line),
            None => {
                _ = child.wait();
                bail!("{program} ended: {}", said.join("\n"));
            }
        }
    }
    // It must not wait for a reader.
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
