//! The run of the load test: it starts the servers, loads them round by round, and measures them.

use crate::growth::Samples;
use crate::load::{Load, Outcome};
use crate::server::Server;
use crate::subject::{SUBJECTS, Subject};
use crate::upstream::Upstream;
use anyhow::Context;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::{MissedTickBehavior, interval};

/// The number of rounds per server. The servers are loaded in turn within a round, so that other activity on
/// the machine affects all servers alike.
pub const ROUNDS: u64 = 3;

/// The share of requests for an account that was never requested before, in percent.
pub const MISS_PERCENT: u64 = 10;

/// The number of each server's worker threads.
pub const WORKER_THREADS: &str = "2";

/// The longest warm-up of each server, in seconds. The warm-up is not measured.
const WARM_UP_SECONDS: u64 = 3;

const API_KEY: &str = "pd_bench_api_key_0f4c1d9a7e2b";
const TOKEN: &str = "bench-0123456789abcdef0123456789abcdef";

/// The plan of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How long each server is loaded with misses, in seconds, over all rounds.
    pub seconds: u64,
    /// Whether the servers' logs are shown. A log has a line for each request.
    pub shows_logs: bool,
}

/// The measurements of one server.
pub struct Findings {
    /// The server.
    pub subject: Subject,
    /// All rounds with misses.
    pub with_misses: Measurement,
    /// One more round, in which every requested account is in the cache.
    pub hits_only: Measurement,
}

/// The measurement of a server over rounds of one kind.
#[derive(Default)]
pub struct Measurement {
    /// The outcome for the load generator.
    pub outcome: Outcome,
    /// The number of requests to the upstream.
    pub upstream_requests: u64,
    /// The processor time that the server used.
    pub processor_time: Duration,
    /// The server's memory samples.
    pub memory: Samples,
}

struct Running {
    subject: Subject,
    server: Server,
    with_misses: Measurement,
}

/// Starts the upstream and all servers, and loads one server after another. `programs` is the folder of the
/// servers' programs.
///
/// # Errors
///
/// A program can't be started, or the load can't be measured. Failed requests are no error here: they are
/// counted.
pub async fn run(plan: Plan, programs: &Path) -> anyhow::Result<Vec<Findings>> {
    let upstream = Upstream::start().await?;
    let folder = tempfile::tempdir()?;
    let mut all = Vec::new();
    for subject in SUBJECTS {
        let server = Server::start(command(subject, programs, &upstream, folder.path(), plan)).await;
        let server = server.with_context(|| subject.name)?;
        all.push(Running { subject: *subject, server, with_misses: Measurement::default() });
    }
    let round_seconds = (plan.seconds / ROUNDS).max(1);
    for running in &all {
        eprintln!("{}: warm-up", running.subject.name);
        measure(&running.server, &upstream, "", 0, WARM_UP_SECONDS.min(plan.seconds)).await?;
    }
    for round in 1..=ROUNDS {
        for running in &mut all {
            eprintln!("{}: round {round} of {ROUNDS}", running.subject.name);
            let name = round.to_string();
            let measured = measure(&running.server, &upstream, &name, MISS_PERCENT, round_seconds).await?;
            running.with_misses.add(&measured);
        }
    }
    let mut findings = Vec::new();
    for Running { subject, server, with_misses } in all {
        eprintln!("{}: hits only", subject.name);
        let hits_only = measure(&server, &upstream, "", 0, round_seconds).await?;
        findings.push(Findings { subject, with_misses, hits_only });
    }
    Ok(findings)
}

/// The command that starts a server. All servers get the same settings. `folder` is for their files.
fn command(subject: &Subject, programs: &Path, upstream: &Upstream, folder: &Path, plan: Plan) -> Command {
    let mut command = Command::new(programs.join(subject.program));
    command
        .args(subject.arguments)
        .env("TOKIO_WORKER_THREADS", WORKER_THREADS)
        .env("CREDWELL_BASE_URL", upstream.base_url())
        .env("CREDWELL_API_KEY", API_KEY)
        .env("CREDWELL_BROKER_MODE", "managed")
        .env("CREDWELL_BROKER_TOKENS", TOKEN)
        .env("CREDWELL_BROKER_ACCOUNTS", "*")
        .env("CREDWELL_ENCRYPTION_KEYS", format!("bench:{}", "5a".repeat(32)))
        .env("XDG_CONFIG_HOME", folder)
        .env("XDG_STATE_HOME", folder)
        .stderr(if plan.shows_logs { Stdio::inherit() } else { Stdio::null() });
    command
}

/// Loads a server for one round, and samples its memory meanwhile.
async fn measure(
    server: &Server,
    upstream: &Upstream,
    round: &str,
    miss_percent: u64,
    seconds: u64,
) -> anyhow::Result<Measurement> {
    let (requests_before, time_before) = (upstream.count(), server.processor_time()?);
    let load = Load { server: server.address(), token: TOKEN, round, miss_percent, seconds };
    let mut memory = Samples::default();
    let outcome = tokio::select! {
        outcome = load.run() => outcome?,
        error = sample_memory(server, &mut memory) => return Err(error),
    };
    Ok(Measurement {
        outcome,
        upstream_requests: upstream.count() - requests_before,
        processor_time: server.processor_time()?.saturating_sub(time_before),
        memory,
    })
}

/// Takes a memory sample every second. Returns only if that fails.
async fn sample_memory(server: &Server, samples: &mut Samples) -> anyhow::Error {
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        seconds.tick().await;
        match server.memory() {
            Ok(bytes) => samples.push(bytes),
            Err(error) => return error,
        }
    }
}

impl Measurement {
    fn add(&mut self, other: &Self) {
        self.outcome.add(&other.outcome);
        self.upstream_requests += other.upstream_requests;
        self.processor_time += other.processor_time;
        self.memory.extend(&other.memory);
    }
}
