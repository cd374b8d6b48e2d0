//! The section `growth`: the cost of a hit with many accounts, with large payloads and with many connections.

use super::http::start;
use crate::load::{Accounts, CONNECTIONS, WARM_ACCOUNTS};
use crate::measurement::Rounds;
use crate::results::Measurements;
use crate::run::{Run, WARM_UP_SECONDS};
use crate::server::Server;
use crate::subject::Subject;
use serde::{Deserialize, Serialize};

/// The lengths of the documents, in bytes.
const PAYLOADS: [u64; 4] = [200, 2 << 10, 16 << 10, 64 << 10];

/// The numbers of connections.
const CONNECTION_COUNTS: [u64; 5] = [1, 8, 64, 256, 1_024];

/// The servers whose payloads and connections grow.
const SUBJECTS: [Subject; 4] = [Subject::Memory, Subject::Redb, Subject::NativeSealed, Subject::Native];

/// The measurements of the section.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// The number of accounts grows.
    pub accounts: Vec<Point>,
    /// The length of a document grows, in bytes.
    pub payloads: Vec<Point>,
    /// The number of connections grows.
    pub connections: Vec<Point>,
}

/// The measurement of one server at one size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The server.
    pub subject: Subject,
    /// The size.
    pub size: u64,
    /// The rounds.
    pub rounds: Rounds,
    /// The resident memory of the server afterwards, in bytes.
    pub memory: u64,
}

impl Measurements for Growth {
    const NAME: &'static str = "growth";
}

/// The points of a server, in the order of their sizes.
pub fn of(points: &[Point], subject: Subject) -> impl Iterator<Item = &Point> {
    points.iter().filter(move |point| point.subject == subject)
}

/// Measures all sizes.
///
/// # Errors
///
/// A server can't be started, or the load can't be measured.
pub async fn measure(run: &Run) -> anyhow::Result<Growth> {
    let accounts = accounts(run).await?;
    let mut servers = Vec::new();
    for (subject, server) in start(run, &SUBJECTS).await? {
        servers.push((subject, server.map_err(anyhow::Error::msg)?));
    }
    let payloads = payloads(run, &servers).await?;
    Ok(Growth { accounts, payloads, connections: connections(run, &servers).await? })
}

/// The servers of all sizes run at the same time, so that each round loads all of them in turn.
async fn accounts(run: &Run) -> anyhow::Result<Vec<Point>> {
    let full: &[u64] = &[1, 100, 10_000, 100_000, 1_000_000];
    let sizes = run.choose(full, &[1, 100, 10_000]);
    let (rounds, seconds) = run.choose((3, 3), (2, 1));
    let mut all = Vec::new();
    for (subject, in_file) in [(Subject::Memory, false), (Subject::Redb, true)] {
        for size in sizes {
            eprintln!("filling: {}, {size} accounts", subject.plain_name());
            let server = run.serve_filled(*size, in_file).await?;
            all.push((server, Point { subject, size: *size, rounds: Rounds::default(), memory: 0 }));
        }
    }
    let accounts = |count| Accounts { prefix: "w", count };
    for (server, point) in &all {
        run.load_with(server, "", 0, accounts(point.size), CONNECTIONS, WARM_UP_SECONDS).await?;
    }
    for round in 1..=rounds {
        for (server, point) in &mut all {
            eprintln!("round {round} of {rounds}: {}, {} accounts", point.subject.plain_name(), point.size);
            let load = run.load_with(server, "", 0, accounts(point.size), CONNECTIONS, seconds);
            point.rounds.0.push(load.await?);
            point.memory = server.memory()?;
        }
    }
    Ok(all.into_iter().map(|(_, point)| point).collect())
}

async fn payloads(run: &Run, servers: &[(Subject, Server)]) -> anyhow::Result<Vec<Point>> {
    let (rounds, seconds) = run.choose((2, 2), (1, 1));
    let mut points = Vec::new();
    for size in PAYLOADS {
        let prefix = format!("s{size}x");
        let accounts = Accounts { prefix: &prefix, count: WARM_ACCOUNTS.count };
        for (_, server) in servers {
            run.load_with(server, "", 0, accounts, CONNECTIONS, 1).await?;
        }
        let mut of_size: Vec<_> =
            servers.iter().map(|(subject, server)| (server, point(*subject, size))).collect();
        for _ in 0..rounds {
            for (server, point) in &mut of_size {
                eprintln!("{size} bytes: {}", point.subject.plain_name());
                point.rounds.0.push(run.load_with(server, "", 0, accounts, CONNECTIONS, seconds).await?);
                point.memory = server.memory()?;
            }
        }
        points.extend(of_size.into_iter().map(|(_, point)| point));
    }
    Ok(points)
}

async fn connections(run: &Run, servers: &[(Subject, Server)]) -> anyhow::Result<Vec<Point>> {
    let (rounds, seconds) = run.choose((2, 2), (1, 1));
    let mut points = Vec::new();
    for size in CONNECTION_COUNTS {
        let mut of_size: Vec<_> =
            servers.iter().map(|(subject, server)| (server, point(*subject, size))).collect();
        for _ in 0..rounds {
            for (server, point) in &mut of_size {
                eprintln!("{size} connections: {}", point.subject.plain_name());
                point.rounds.0.push(run.load_with(server, "", 0, WARM_ACCOUNTS, size, seconds).await?);
                point.memory = server.memory()?;
            }
        }
        points.extend(of_size.into_iter().map(|(_, point)| point));
    }
    Ok(points)
}

fn point(subject: Subject, size: u64) -> Point {
    Point { subject, size, rounds: Rounds::default(), memory: 0 }
}
