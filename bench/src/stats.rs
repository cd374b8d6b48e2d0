//! The arithmetic of the report: medians, spreads and ratios over rounds.

use serde::{Deserialize, Serialize};
use std::fmt::{self, Display, Formatter};

/// The median of some values, with the lowest and the highest of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The lowest value.
    pub lowest: f64,
    /// The highest value.
    pub highest: f64,
}

impl Spread {
    /// The spread of these values. `None` without values.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (lowest, highest) = (*sorted.first()?, *sorted.last()?);
        let middle = |index: usize| sorted.get(index).copied().unwrap_or(highest);
        let half = sorted.len() / 2;
        let median = match sorted.len() % 2 {
            0 => f64::midpoint(middle(half - 1), middle(half)),
            _ => middle(half),
        };
        Some(Self { median, lowest, highest })
    }

    /// The spread of the ratios of two series: each value is divided by the value of the same round. So noise
    /// that hits both values of a round leaves the ratio as it is.
    pub fn of_ratios(dividends: &[f64], divisors: &[f64]) -> Option<Self> {
        let ratios: Vec<_> = dividends.iter().zip(divisors).map(|(one, other)| one / other).collect();
        Self::of(&ratios)
    }
}

impl Display for Spread {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let digits = formatter.precision().unwrap_or(2);
        let Self { median, lowest, highest } = self;
        if lowest.total_cmp(highest).is_eq() {
            return write!(formatter, "{median:.digits$}");
        }
        write!(formatter, "{median:.digits$} ({lowest:.digits$} to {highest:.digits$})")
    }
}

/// A whole number with commas between the thousands.
pub fn thousands(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = if value < 0.0 { "-".to_owned() } else { String::new() };
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_the_mean_of_the_two_middles() {
        let spread = Spread::of(&[3.0, 1.0, 9.0]).expect("there are values");
        assert_eq!(spread, Spread { median: 3.0, lowest: 1.0, highest: 9.0 });
        assert_eq!(Spread::of(&[4.0, 1.0, 2.0, 9.0]).map(|it| it.median), Some(3.0));
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn ratios_are_those_of_the_same_round() {
        let spread = Spread::of_ratios(&[1.0, 10.0, 3.0], &[2.0, 20.0, 4.0]).expect("there are rounds");
        assert_eq!(spread, Spread { median: 0.5, lowest: 0.5, highest: 0.75 });
    }

    #[test]
    fn a_spread_of_one_value_is_a_number() {
        assert_eq!(Spread::of(&[0.5]).expect("a value").to_string(), "0.50");
        assert_eq!(format!("{:.1}", Spread::of(&[1.0, 2.0, 3.0]).expect("values")), "2.0 (1.0 to 3.0)");
    }

    #[test]
    fn thousands_have_commas() {
        for (value, text) in [(0.0, "0"), (999.4, "999"), (1e3, "1,000"), (-1_234_567.0, "-1,234,567")] {
            assert_eq!(thousands(value), text);
        }
    }
}
