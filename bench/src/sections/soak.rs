//! The section `soak`: the memory of the broker under half load, while accounts come and go.

use crate::load::{Accounts, WARM_ACCOUNTS};
use crate::open_loop::{OpenLoop, OpenOutcome};
use crate::results::Measurements;
use crate::run::{Run, TOKEN, WARM_UP_SECONDS};
use crate::samples::Samples;
use crate::sections::http::MISS_PERCENT;
use crate::sections::latency::OpenRound;
use crate::server::Server;
use crate::subject::Subject;
use crate::upstream::BODY_BYTES;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval};

/// The number of connections: more than in the other sections, because a miss keeps its connection busy.
const CONNECTIONS: u64 = 128;

/// The number of connections that fill the store.
const FILLING_CONNECTIONS: u64 = 256;

/// The length of one round of filling, in seconds.
const FILLING_SECONDS: u64 = 10;

/// The measurements of the section.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Soak {
    /// The duration in seconds, without the warm-up.
    pub seconds: u64,
    /// The rate in requests per second.
    pub rate: f64,
    /// The size limit of the store, in bytes.
    pub store_bytes: u64,
    /// The number of accounts that were fetched before the first sample.
    pub filled_accounts: u64,
    /// Whether the store was full before the first sample.
    pub is_full: bool,
    /// The number of accounts that were fetched from the first sample to the last.
    pub fetched_accounts: u64,
    /// The number of requests that were refused or failed.
    pub errors: u64,
    /// The latencies.
    pub latency: OpenRound,
    /// The resident memory, one sample a second.
    pub memory: Samples,
}

impl Measurements for Soak {
    const NAME: &'static str = "soak";
}

/// Fills the store of `credwell serve` with more accounts than it holds. Then loads the server with half of
/// its largest rate, and samples its memory.
///
/// # Errors
///
/// The server can't be started, or the load can't be measured.
pub async fn measure(run: &Run) -> anyhow::Result<Soak> {
    let (seconds, filling_rounds) = run.choose((600, 20), (20, 1));
    let server = run.serve(Subject::Memory).await?;
    run.load(&server, "", 0, WARM_UP_SECONDS).await?;
    // No entry is smaller than its document, so the store can't hold more entries than this.
    let store_bytes = credwell_key_value::MEMORY_LIMIT as u64;
    let capacity = store_bytes / BODY_BYTES as u64;
    let before = run.upstream.count();
    let filled = || run.upstream.count() - before;
    for round in 0..filling_rounds {
        if filled() >= capacity {
            break;
        }
        eprintln!("filling the store: {} of {capacity} accounts", filled());
        let name = format!("fill{round}");
        let accounts = Accounts { count: 1, ..WARM_ACCOUNTS };
        run.load_with(&server, &name, 100, accounts, FILLING_CONNECTIONS, FILLING_SECONDS).await?;
    }
    let filled_accounts = filled();
    let largest = run.load(&server, "probe", MISS_PERCENT, run.choose(10, 2)).await?;
    let rate = largest.rate / 2.0;
    eprintln!("{seconds} s at {rate:.0} requests/s");

    let fetched_before = run.upstream.count();
    let address = server.address();
    let load = tokio::task::spawn_blocking(move || load(address, rate, Duration::from_secs(seconds)));
    let mut memory = Samples::default();
    let outcome = tokio::select! {
        outcome = load => outcome.context("the load panicked")??,
        error = sample(&server, &mut memory, seconds) => return Err(error),
    };
    Ok(Soak {
        seconds,
        rate,
        store_bytes,
        filled_accounts,
        is_full: filled_accounts >= capacity,
        fetched_accounts: run.upstream.count() - fetched_before,
        errors: outcome.refused + outcome.failed,
        latency: OpenRound::new(rate, &outcome),
        memory,
    })
}

fn load(server: SocketAddr, rate: f64, duration: Duration) -> anyhow::Result<OpenOutcome> {
    let requests = |number: u64| {
        let account = match number.wrapping_mul(MISS_PERCENT) % 100 {
            0 => format!("msoak{number}"),
            _ => format!("{}{}", WARM_ACCOUNTS.prefix, 1 + number % WARM_ACCOUNTS.count),
        };
        (account, TOKEN.to_owned())
    };
    OpenLoop { server, rate, connections: CONNECTIONS, duration, requests: &requests }.run()
}

/// Takes a memory sample every second. Returns only if that fails.
async fn sample(server: &Server, samples: &mut Samples, seconds: u64) -> anyhow::Error {
    let start = Instant::now();
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        match server.memory() {
            Ok(bytes) => samples.push(bytes),
            Err(error) => return error,
        }
        if samples.all().len().is_multiple_of(60) {
            eprintln!("{} of {seconds} s", start.elapsed().as_secs());
        }
    }
}
