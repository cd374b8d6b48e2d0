//! The memory samples of a server under load, and their growth.

/// The largest growth that counts as flat, in percent. The memory of one server varies this much from one
/// second to the next.
pub const FLAT_PERCENT: f64 = 2.0;

/// The memory of a server over one or more rounds, in bytes, one sample a second.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<u64>);

impl Samples {
    /// Adds the next sample.
    pub fn push(&mut self, bytes: u64) {
        self.0.push(bytes);
    }

    /// Appends the samples of the next round.
    pub fn extend(&mut self, next: &Self) {
        self.0.extend_from_slice(&next.0);
    }

    /// The first sample, in bytes. 0 if there is none.
    pub fn first(&self) -> u64 {
        self.0.first().copied().unwrap_or_default()
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
}
