//! The memory samples of a server, and their growth.

use serde::{Deserialize, Serialize};

/// The largest growth that counts as flat, in percent.
pub const FLAT_PERCENT: f64 = 10.0;

/// The resident memory of a server in bytes, one sample a second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Samples(Vec<u64>);

impl Samples {
    /// Adds the next sample.
    pub fn push(&mut self, bytes: u64) {
        self.0.push(bytes);
    }

    /// All samples, in bytes.
    pub fn all(&self) -> &[u64] {
        &self.0
    }

    /// The last sample, in bytes. 0 if there is none.
    pub fn last(&self) -> u64 {
        self.0.last().copied().unwrap_or_default()
    }

    /// The largest sample, in bytes. 0 if there is none.
    pub fn largest(&self) -> u64 {
        self.0.iter().copied().max().unwrap_or_default()
    }

    /// The growth from the mean of the first third of the samples to the mean of the last third, in percent.
    /// `None` for fewer than three samples.
    pub fn growth_percent(&self) -> Option<f64> {
        let third = self.0.len() / 3;
        let mean = |samples: &[u64]| samples.iter().sum::<u64>() as f64 / samples.len() as f64;
        let (first, last) = (self.0.get(..third)?, self.0.get(self.0.len() - third..)?);
        (third > 0).then(|| (mean(last) / mean(first) - 1.0) * 100.0)
    }

    /// Whether the memory has grown by at most [`FLAT_PERCENT`]. `None` for fewer than three samples.
    pub fn is_flat(&self) -> Option<bool> {
        self.growth_percent().map(|growth| growth <= FLAT_PERCENT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(bytes: &[u64]) -> Samples {
        Samples(bytes.to_vec())
    }

    #[test]
    fn growth_is_from_the_first_third_to_the_last() {
        let growth = samples(&[90, 110, 500, 120, 120]).growth_percent();
        assert!(growth.is_some_and(|growth| (growth - 33.3).abs() < 0.1), "{growth:?}");
        let growth = samples(&[100, 100, 0, 0, 120, 130]).growth_percent();
        assert!(growth.is_some_and(|growth| (growth - 25.0).abs() < 0.1), "{growth:?}");
        assert_eq!(samples(&[1, 2]).growth_percent(), None);
        assert_eq!(samples(&[7, 7, 7]).growth_percent(), Some(0.0));
    }

    #[test]
    fn a_growth_of_less_than_ten_percent_is_flat_and_more_is_not() {
        assert_eq!(samples(&[1_000, 9_000, 1_099]).is_flat(), Some(true));
        assert_eq!(samples(&[1_000, 1_000, 1_101]).is_flat(), Some(false));
        assert_eq!(samples(&[100, 100, 20]).is_flat(), Some(true));
        assert_eq!(samples(&[1]).is_flat(), None);
    }
}
