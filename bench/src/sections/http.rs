//! The section `http`: the rates of all servers, with hits only and with misses.

use crate::measurement::Rounds;
use crate::results::Measurements;
use crate::run::{Run, WARM_UP_SECONDS};
use crate::server::Server;
use crate::subject::Subject;
use serde::{Deserialize, Serialize};

/// The share of requests for an account that was never requested before, in percent.
pub const MISS_PERCENT: u64 = 10;

/// The measurements of the section.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Http {
    /// The duration of a round in seconds.
    pub round_seconds: u64,
    /// The servers that were measured.
    pub servers: Vec<HttpServer>,
    /// The servers that could not be started, and why.
    pub skipped: Vec<(Subject, String)>,
}

/// The measurements of one server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HttpServer {
    /// The server.
    pub subject: Subject,
    /// The rounds in which every requested account is in the cache.
    pub hits: Rounds,
    /// The rounds with [`MISS_PERCENT`] misses.
    pub misses: Rounds,
}

impl Measurements for Http {
    const NAME: &'static str = "http";
}

impl Http {
    /// The measurements of a server.
    pub fn of(&self, subject: Subject) -> Option<&HttpServer> {
        self.servers.iter().find(|server| server.subject == subject)
    }

    /// The number of failed requests.
    pub fn errors(&self) -> u64 {
        self.servers.iter().map(|server| server.hits.errors() + server.misses.errors()).sum()
    }
}

/// Measures all servers, round by round, so that other activity on the machine affects all of them alike.
///
/// # Errors
///
/// The load can't be measured. A server that can't be started is left out.
pub async fn measure(run: &Run) -> anyhow::Result<Http> {
    let (rounds, round_seconds) = run.choose((5, 5), (2, 1));
    let mut measured = Http { round_seconds, ..Http::default() };
    let mut running = Vec::new();
    for (subject, server) in start(run, &Subject::ALL).await? {
        match server {
            Ok(server) => {
                measured.servers.push(HttpServer {
                    subject,
                    hits: Rounds::default(),
                    misses: Rounds::default(),
                });
                running.push(server);
            }
            Err(reason) => measured.skipped.push((subject, reason)),
        }
    }
    for round in 1..=rounds {
        for (server, found) in running.iter().zip(&mut measured.servers) {
            eprintln!("round {round} of {rounds}: {}", found.subject.plain_name());
            found.hits.0.push(run.load(server, "", 0, round_seconds).await?);
            let name = round.to_string();
            found.misses.0.push(run.load(server, &name, MISS_PERCENT, round_seconds).await?);
        }
    }
    Ok(measured)
}

/// Starts servers and warms them up. A server that can't be started has a reason in its place.
///
/// # Errors
///
/// The load can't be measured.
pub async fn start(
    run: &Run,
    subjects: &[Subject],
) -> anyhow::Result<Vec<(Subject, Result<Server, String>)>> {
    let mut started = Vec::new();
    for subject in subjects {
        eprintln!("warm-up: {}", subject.plain_name());
        let server = match run.serve(*subject).await {
            Ok(server) => {
                run.load(&server, "", 0, WARM_UP_SECONDS).await?;
                Ok(server)
            }
            Err(error) => {
                eprintln!("left out: {error:#}");
                Err(format!("{error:#}"))
            }
        };
        started.push((*subject, server));
    }
    Ok(started)
}
