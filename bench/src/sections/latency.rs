//! The section `latency`: the latencies of hits at a fixed rate, from an open loop.

use super::http::start;
use crate::load::WARM_ACCOUNTS;
use crate::open_loop::{OpenLoop, OpenOutcome};
use crate::results::Measurements;
use crate::run::{Run, TOKEN};
use crate::server::Server;
use crate::stats::Spread;
use crate::subject::Subject;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The number of connections, which is that of the section `http`.
pub const CONNECTIONS: u64 = 64;

/// The share of a server's largest rate at which the latencies are measured.
pub const LOAD: f64 = 0.5;

/// The measurements of the section.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// The rate that is the same for all servers: half of the largest one of the broker with `memory:`.
    pub same_rate: f64,
    /// The servers.
    pub servers: Vec<LatencyServer>,
}

/// The measurements of one server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatencyServer {
    /// The server.
    pub subject: Subject,
    /// The largest rate, in requests per second, as a probe before the rounds has found it.
    pub largest_rate: f64,
    /// The rounds at half of the server's own largest rate.
    pub own: Vec<OpenRound>,
    /// The rounds at the rate that is the same for all servers. Empty if the server is too slow for it.
    pub same: Vec<OpenRound>,
}

/// One round at a fixed rate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OpenRound {
    /// The rate, in requests per second.
    pub rate: f64,
    /// The number of requests that were refused or failed, or could not be sent in time.
    pub errors: u64,
    /// The median in milliseconds.
    pub p50: f64,
    /// The 99th percentile in milliseconds.
    pub p99: f64,
    /// The percentile 99.9 in milliseconds.
    pub p999: f64,
}

impl OpenRound {
    /// The figures of a round.
    pub fn new(rate: f64, outcome: &OpenOutcome) -> Self {
        let milliseconds = |share| outcome.latencies.percentile(share) as f64 / 1_000.0;
        Self {
            rate,
            errors: outcome.refused + outcome.failed + outcome.unsent,
            p50: milliseconds(0.5),
            p99: milliseconds(0.99),
            p999: milliseconds(0.999),
        }
    }
}

impl Measurements for Latency {
    const NAME: &'static str = "latency";
}

impl Latency {
    /// The measurements of a server.
    pub fn of(&self, subject: Subject) -> Option<&LatencyServer> {
        self.servers.iter().find(|server| server.subject == subject)
    }
}

/// One figure of each round.
pub fn each(rounds: &[OpenRound], figure: fn(&OpenRound) -> f64) -> Vec<f64> {
    rounds.iter().map(figure).collect()
}

/// The spread of a figure over rounds. Zero without rounds.
pub fn spread(rounds: &[OpenRound], figure: fn(&OpenRound) -> f64) -> Spread {
    Spread::of(&each(rounds, figure)).unwrap_or_default()
}

/// Loads a server at a fixed rate for `seconds`, with hits only.
///
/// # Errors
///
/// The load can't be started.
pub async fn load(server: &Server, rate: f64, seconds: u64) -> anyhow::Result<OpenRound> {
    let server = server.address();
    let work = move || {
        let requests = |number: u64| {
            let account = 1 + number % WARM_ACCOUNTS.count;
            (format!("{}{account}", WARM_ACCOUNTS.prefix), TOKEN.to_owned())
        };
        let duration = Duration::from_secs(seconds);
        OpenLoop { server, rate, connections: CONNECTIONS, duration, requests: &requests }.run()
    };
    let outcome = tokio::task::spawn_blocking(work).await.context("the load panicked")??;
    Ok(OpenRound::new(rate, &outcome))
}

/// Measures all servers, round by round.
///
/// # Errors
///
/// The load can't be measured. A server that can't be started is left out.
pub async fn measure(run: &Run) -> anyhow::Result<Latency> {
    let (rounds, seconds) = run.choose((5, 3), (2, 1));
    let mut running = Vec::new();
    for (subject, server) in start(run, &Subject::ALL).await? {
        let Ok(server) = server else { continue };
        let largest_rate = run.load(&server, "", 0, seconds).await?.rate;
        running.push((server, LatencyServer { subject, largest_rate, own: Vec::new(), same: Vec::new() }));
    }
    let broker = running.iter().find(|(_, found)| found.subject == Subject::Memory);
    let same_rate = broker.context("there is no broker")?.1.largest_rate * LOAD;
    for round in 1..=rounds {
        for (server, found) in &mut running {
            eprintln!("round {round} of {rounds}: {}", found.subject.plain_name());
            let own_rate = found.largest_rate * LOAD;
            found.own.push(load(server, own_rate, seconds).await?);
            // At a higher rate than three quarters, queues would be measured.
            if same_rate <= found.largest_rate * 0.75 {
                found.same.push(load(server, same_rate, seconds).await?);
            }
        }
    }
    Ok(Latency { same_rate, servers: running.into_iter().map(|(_, found)| found).collect() })
}
