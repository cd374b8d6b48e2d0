//! The section `flood`: hits at half load, while others ask with made-up API keys.

use super::latency::OpenRound;
use crate::load::WARM_ACCOUNTS;
use crate::open_loop::{OpenLoop, OpenOutcome};
use crate::results::Measurements;
use crate::run::{Run, WARM_UP_SECONDS};
use crate::server::Server;
use crate::upstream::API_KEY;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::Duration;

/// The number of connections of the hits.
const CONNECTIONS: u64 = 32;

/// The number of connections of the flood.
const FLOOD_CONNECTIONS: u64 = 64;

/// The rates of the floods, in requests per second.
const RATES: [u32; 2] = [500, 1_000];

/// The measurements of the section.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Flood {
    /// The rate of the hits, in requests per second.
    pub rate: f64,
    /// The hits without a flood.
    pub before: OpenRound,
    /// The rate of each flood, the hits during it, and its requests that got a response.
    pub floods: Vec<(u32, OpenRound, u64)>,
    /// The hits afterwards.
    pub after: OpenRound,
}

impl Measurements for Flood {
    const NAME: &'static str = "flood";
}

/// Loads a broker in pass-through mode.
///
/// # Errors
///
/// The server can't be started, or the load can't be measured.
pub async fn measure(run: &Run) -> anyhow::Result<Flood> {
    let seconds = run.choose(8, 2);
    let mut command = run.command("credwell")?;
    command.args(["serve", "--listen", "127.0.0.1:0", "--connections-per-peer", "1024"]);
    command.args(["--store", "memory:"]).env("CREDWELL_BROKER_MODE", "pass-through");
    let of_caller = |name: &str| name != "CREDWELL_API_KEY";
    command.envs(run.component_settings().into_iter().filter(|(name, _)| of_caller(name)));
    let server = Server::start(command).await?;
    let address = server.address();

    hits(address, 500.0, WARM_UP_SECONDS).await?;
    let largest = largest_rate(address, seconds).await?;
    let rate = largest / 2.0;
    let before = OpenRound::new(rate, &hits(address, rate, seconds).await?);
    let mut floods = Vec::new();
    for flood_rate in RATES {
        eprintln!("a flood of {flood_rate}/s beside {rate:.0} hits/s");
        let flood = tokio::task::spawn_blocking(move || {
            let made_up =
                |number: u64| (format!("f{flood_rate}x{number}"), format!("made-up-{flood_rate}-{number}"));
            open_loop(address, flood_rate.into(), FLOOD_CONNECTIONS, seconds, &made_up)
        });
        let during = hits(address, rate, seconds).await?;
        let flood = flood.await.context("the flood panicked")??;
        floods.push((flood_rate, OpenRound::new(rate, &during), flood.answered + flood.refused));
    }
    let after = OpenRound::new(rate, &hits(address, rate, seconds).await?);
    Ok(Flood { rate, before, floods, after })
}

/// The largest rate of hits: that of connections which never wait for a due time.
async fn largest_rate(server: SocketAddr, seconds: u64) -> anyhow::Result<f64> {
    // Every request is due long before it can be sent.
    let outcome = hits(server, 1e7, seconds).await?;
    Ok(outcome.answered as f64 / seconds as f64)
}

async fn hits(server: SocketAddr, rate: f64, seconds: u64) -> anyhow::Result<OpenOutcome> {
    let work = move || {
        let request = |number: u64| {
            let account = 1 + number % WARM_ACCOUNTS.count;
            (format!("{}{account}", WARM_ACCOUNTS.prefix), API_KEY.to_owned())
        };
        open_loop(server, rate, CONNECTIONS, seconds, &request)
    };
    tokio::task::spawn_blocking(work).await.context("the load panicked")?
}

fn open_loop(
    server: SocketAddr,
    rate: f64,
    connections: u64,
    seconds: u64,
    requests: crate::open_loop::Requests<'_>,
) -> anyhow::Result<OpenOutcome> {
    OpenLoop { server, rate, connections, duration: Duration::from_secs(seconds), requests }.run()
}
