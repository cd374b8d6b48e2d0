//! The latencies of requests: the number of requests for each latency in microseconds.

use anyhow::{Context, ensure};
use std::collections::BTreeMap;

/// Latency in microseconds → number of requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latencies(BTreeMap<u64, u64>);

impl FromIterator<(u64, u64)> for Latencies {
    fn from_iter<Counts: IntoIterator<Item = (u64, u64)>>(counts: Counts) -> Self {
        Self(counts.into_iter().collect())
    }
}

impl Latencies {
    /// The number of requests.
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// Adds the latencies of other requests.
    pub fn add(&mut self, other: &Self) {
        for (latency, count) in &other.0 {
            *self.0.entry(*latency).or_default() += count;
        }
    }

    /// Adds one request, with its latency in microseconds.
    pub fn record(&mut self, microseconds: u64) {
        *self.0.entry(microseconds).or_default() += 1;
    }

    /// The latency in microseconds that `share` of the requests did not exceed. `share` is from 0 to 1. 0 if
    /// there were no requests.
    pub fn percentile(&self, share: f64) -> u64 {
        let rank = (self.count() as f64 * share).ceil() as u64;
        let mut seen = 0;
        let reached = self.0.iter().find(|(_, count)| {
            seen += **count;
            seen >= rank
        });
        reached.map_or(0, |(latency, _)| *latency)
    }

    /// Removes the latencies that wrk has added. `expected` is the mean time between requests in
    /// microseconds. For each latency above `expected`, wrk adds the latencies of the requests that a client
    /// with a fixed schedule would have sent in the meantime: latency − `expected`, latency − 2 × `expected`,
    /// and so on. That suits a server that stalls. Here the slow requests are those that wait for the
    /// upstream, and the additions would hide the fast requests.
    ///
    /// # Errors
    ///
    /// wrk has not corrected these latencies with this mean.
    pub fn without_correction(mut self, expected: u64) -> anyhow::Result<Self> {
        ensure!(expected > 0, "the mean time between requests is zero");
        let mut below = u64::MAX;
        // From the largest latency down, because nothing was added to the largest.
        while let Some((&latency, &count)) = self.0.range(2 * expected..below).next_back() {
            let additions = (1..).map(|n| latency - n * expected).take_while(|added| *added > expected);
            for added in additions {
                let corrected = self.0.get(&added).and_then(|there| there.checked_sub(count));
                self.0.insert(added, corrected.context("the latencies don't follow wrk's correction")?);
            }
            below = latency;
        }
        self.0.retain(|_, count| *count > 0);
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The correction of wrk 4.1.
    fn corrected(latencies: &Latencies, expected: u64) -> Latencies {
        let mut counts = latencies.0.clone();
        for (latency, count) in latencies.0.range(2 * expected..) {
            let mut added = latency - expected;
            while added > expected {
                *counts.entry(added).or_default() += count;
                added -= expected;
            }
        }
        Latencies(counts)
    }

    #[test]
    fn what_wrk_adds_is_taken_out() {
        let latencies = Latencies::from_iter([
            (50, 700),
            (90, 40),
            (100, 7),
            (101, 3),
            (200, 5),
            (201, 2),
            (900, 90),
            (1_001, 1),
        ]);
        let seen = corrected(&latencies, 100);
        assert!(seen.count() > latencies.count());
        assert_eq!(seen.clone().without_correction(100).expect("they were corrected"), latencies);
        // Another mean does not match the additions.
        assert!(seen.without_correction(97).is_err());
    }

    #[test]
    fn percentiles_are_those_of_all_rounds() {
        let mut latencies = Latencies::from_iter([(10, 98)]);
        latencies.add(&Latencies::from_iter([(10, 1), (500, 1)]));
        assert_eq!(latencies.count(), 100);
        assert_eq!((latencies.percentile(0.5), latencies.percentile(0.99)), (10, 10));
        assert_eq!((latencies.percentile(0.991), latencies.percentile(1.0)), (500, 500));
        assert_eq!(Latencies::default().percentile(0.5), 0);
    }
}
