//! The surroundings of a run: the plan, the upstream, the folder of the programs, and a folder for files.

use crate::load::{Accounts, CONNECTIONS, Load, WARM_ACCOUNTS};
use crate::measurement::Round;
use crate::nginx;
use crate::server::{Server, free_address};
use crate::subject::Subject;
use crate::upstream::{API_KEY, Upstream};
use anyhow::Context;
use credwell_test_programs::search_path;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tempfile::TempDir;
use tokio::process::Command;

/// The number of each server's worker threads.
pub const WORKER_THREADS: &str = "2";

/// The token of the callers.
pub const TOKEN: &str = "bench-0123456789abcdef0123456789abcdef";

/// The length of the warm-up of a server, in seconds. It is not measured.
pub const WARM_UP_SECONDS: u64 = 2;

/// A run.
pub struct Run {
    /// Whether the run is short. Its figures are good for a look only.
    pub is_quick: bool,
    /// Whether the servers' logs are shown. A log has a line for each request.
    pub shows_logs: bool,
    /// The upstream of all servers.
    pub upstream: Upstream,
    programs: PathBuf,
    folder: TempDir,
}

impl Run {
    /// Starts the upstream. `programs` is the folder of the servers' programs.
    ///
    /// # Errors
    ///
    /// No port is free, or no folder can be created.
    pub async fn start(is_quick: bool, shows_logs: bool, programs: &Path) -> anyhow::Result<Self> {
        let (upstream, folder) = (Upstream::start().await?, tempfile::tempdir()?);
        Ok(Self { is_quick, shows_logs, upstream, programs: programs.to_owned(), folder })
    }

    /// One of two numbers: for a full run, or for a quick one.
    pub fn choose<T>(&self, full: T, quick: T) -> T {
        if self.is_quick { quick } else { full }
    }

    /// The path of a file of this run, which ends with the run.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A new folder of this run.
    ///
    /// # Errors
    ///
    /// It can't be created.
    pub fn new_folder(&self) -> anyhow::Result<PathBuf> {
        Ok(tempfile::tempdir_in(self.folder.path())?.keep())
    }

    /// The settings of a broker in managed mode, with the names of environment variables.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let mut settings = self.component_settings();
        settings.extend([
            ("CREDWELL_BROKER_MODE", "managed".to_owned()),
            ("CREDWELL_BROKER_TOKENS", TOKEN.to_owned()),
            ("CREDWELL_BROKER_ACCOUNTS", "*".to_owned()),
        ]);
        settings
    }

    /// The settings of a component, with the names of environment variables.
    pub fn component_settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("CREDWELL_API_KEY", API_KEY.to_owned()),
            ("CREDWELL_BASE_URL", self.upstream.base_url()),
            ("CREDWELL_ENCRYPTION_KEYS", format!("bench:{}", "5a".repeat(32))),
        ]
    }

    /// A command for one of the servers' programs, in a folder of its own.
    ///
    /// # Errors
    ///
    /// The folder can't be created.
    pub fn command(&self, program: &str) -> anyhow::Result<Command> {
        let folder = self.new_folder()?;
        let mut command = Command::new(self.programs.join(program));
        command.env("TOKIO_WORKER_THREADS", WORKER_THREADS);
        command.env("XDG_CONFIG_HOME", &folder).env("XDG_STATE_HOME", &folder);
        command.stderr(self.log());
        Ok(command)
    }

    fn log(&self) -> Stdio {
        if self.shows_logs { Stdio::inherit() } else { Stdio::null() }
    }

    /// Starts a server.
    ///
    /// # Errors
    ///
    /// Its program is missing or doesn't listen.
    pub async fn serve(&self, subject: Subject) -> anyhow::Result<Server> {
        let of_credwell = |store: Option<&str>| {
            let mut command = self.command("credwell")?;
            command.args(["serve", "--listen", "127.0.0.1:0", "--connections-per-peer", "1024"]);
            command.args(store.map(|store| ["--store", store]).iter().flatten());
            command.envs(self.settings());
            anyhow::Ok(command)
        };
        let of_bench = |program: &str, arguments: &[&str]| {
            let mut command = self.command(program)?;
            command.args(arguments).envs(self.settings());
            anyhow::Ok(command)
        };
        match subject {
            Subject::Memory => Server::start(of_credwell(Some("memory:"))?).await,
            // The default store is a file in the folder for state.
            Subject::Redb => Server::start(of_credwell(None)?).await,
            Subject::Redis => {
                let redis = self.redis().await?;
                let url = format!("redis://{}", redis.address());
                Ok(Server::start(of_credwell(Some(&url))?).await?.with_companion(redis))
            }
            Subject::Hello => Server::start(of_bench("bench-host", &["hello"])?).await,
            Subject::Native => Server::start(of_bench("native-proxy", &[])?).await,
            Subject::NativeSealed => Server::start(of_bench("native-proxy", &["--seal"])?).await,
            Subject::Nginx => {
                let folder = self.new_folder()?;
                nginx::start(&folder, &self.upstream.base_url(), TOKEN, self.log()).await
            }
        }
        .with_context(|| subject.plain_name())
    }

    /// Starts a broker whose store has the entries of `accounts` accounts, in memory or in a file.
    ///
    /// # Errors
    ///
    /// It doesn't listen.
    pub async fn serve_filled(&self, accounts: u64, in_file: bool) -> anyhow::Result<Server> {
        let mut command = self.command("bench-host")?;
        command.args(["broker", &accounts.to_string()]).envs(self.settings());
        if in_file {
            command.arg(self.new_folder()?.join("store.redb"));
        }
        Server::start(command).await.with_context(|| format!("a broker with {accounts} accounts"))
    }

    async fn redis(&self) -> anyhow::Result<Server> {
        let address = free_address()?;
        let mut command = Command::new("redis-server");
        command.env("PATH", search_path()).current_dir(self.new_folder()?).stdout(Stdio::null());
        command.args(["--port", &address.port().to_string(), "--bind", "127.0.0.1"]);
        command.args(["--save", "", "--appendonly", "no"]).stderr(self.log());
        Server::start_on(address, command).await
    }

    /// Loads a server with the usual number of connections for `seconds`.
    ///
    /// # Errors
    ///
    /// The load can't be measured.
    pub async fn load(
        &self,
        server: &Server,
        round: &str,
        miss_percent: u64,
        seconds: u64,
    ) -> anyhow::Result<Round> {
        self.load_with(server, round, miss_percent, WARM_ACCOUNTS, CONNECTIONS, seconds).await
    }

    /// Loads a server for `seconds`.
    ///
    /// # Errors
    ///
    /// The load can't be measured.
    pub async fn load_with(
        &self,
        server: &Server,
        round: &str,
        miss_percent: u64,
        accounts: Accounts<'_>,
        connections: u64,
        seconds: u64,
    ) -> anyhow::Result<Round> {
        let address = server.address();
        let load =
            Load { server: address, token: TOKEN, round, miss_percent, accounts, connections, seconds };
        let (requests_before, time_before) = (self.upstream.count(), server.processor_time()?);
        let outcome = load.run().await?;
        let processor_time = server.processor_time()?.saturating_sub(time_before);
        Ok(Round::new(&outcome, self.upstream.count() - requests_before, processor_time))
    }
}
