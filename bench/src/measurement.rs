//! The measurement of a server: rounds of load, with their rates, costs and latencies.

use crate::load::Outcome;
use crate::stats::Spread;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One round of load on one server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// The number of responses, of any status.
    pub requests: u64,
    /// The number of refused and failed requests.
    pub errors: u64,
    /// The number of requests to the upstream.
    pub upstream_requests: u64,
    /// The responses per second.
    pub rate: f64,
    /// The processor time of the server for each request, in microseconds.
    pub cost: f64,
    /// The median of the latencies, in milliseconds.
    pub p50: f64,
    /// The 99th percentile of the latencies, in milliseconds.
    pub p99: f64,
}

impl Round {
    /// The figures of a round.
    pub fn new(outcome: &Outcome, upstream_requests: u64, processor_time: Duration) -> Self {
        let milliseconds = |share| outcome.latencies.percentile(share) as f64 / 1_000.0;
        Self {
            requests: outcome.requests,
            errors: outcome.errors(),
            upstream_requests,
            rate: outcome.rate(),
            cost: processor_time.as_secs_f64() * 1e6 / outcome.requests as f64,
            p50: milliseconds(0.5),
            p99: milliseconds(0.99),
        }
    }
}

/// The rounds of one kind on one server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rounds(pub Vec<Round>);

impl Rounds {
    /// One figure of each round.
    pub fn each(&self, figure: fn(&Round) -> f64) -> Vec<f64> {
        self.0.iter().map(figure).collect()
    }

    /// The spread of a figure over the rounds. Zero without rounds.
    pub fn spread(&self, figure: fn(&Round) -> f64) -> Spread {
        Spread::of(&self.each(figure)).unwrap_or_default()
    }

    /// The median rate.
    pub fn rate(&self) -> f64 {
        self.spread(|round| round.rate).median
    }

    /// The number of refused and failed requests.
    pub fn errors(&self) -> u64 {
        self.0.iter().map(|round| round.errors).sum()
    }

    /// The number of responses.
    pub fn requests(&self) -> u64 {
        self.0.iter().map(|round| round.requests).sum()
    }

    /// The share of requests that reached the upstream, in percent.
    pub fn miss_percent(&self) -> f64 {
        let upstream: u64 = self.0.iter().map(|round| round.upstream_requests).sum();
        upstream as f64 / self.requests() as f64 * 100.0
    }

    /// The rates in relation to those of another server, round by round.
    pub fn ratio(&self, other: &Self) -> Option<Spread> {
        Spread::of_ratios(&self.each(|round| round.rate), &other.each(|round| round.rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latencies::Latencies;

    #[test]
    fn a_round_has_the_figures_of_its_outcome() {
        let outcome = Outcome {
            requests: 1_000,
            elapsed: Duration::from_secs(2),
            refused: 3,
            failed: 4,
            latencies: Latencies::from_iter([(1_500, 989), (9_000, 11)]),
        };
        let round = Round::new(&outcome, 100, Duration::from_millis(50));
        assert_eq!((round.errors, round.rate, round.cost), (7, 500.0, 50.0));
        assert_eq!((round.p50, round.p99), (1.5, 9.0));
        let rounds = Rounds(vec![round.clone(), round]);
        assert_eq!((rounds.errors(), rounds.requests(), rounds.miss_percent()), (14, 2_000, 10.0));
        assert_eq!(rounds.ratio(&rounds).map(|ratio| ratio.highest), Some(1.0));
    }
}
