//! Moments in time, as the upstream writes them and as the cache keeps them.

use chrono::DateTime;
use core::time::Duration;

/// Milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixMilliseconds(pub i64);

impl UnixMilliseconds {
    /// Reads an ISO 8601 date and time with an offset: `2024-02-10T19:10:59.123Z`,
    /// `2024-02-10T20:10:59+01:00`, `2024-02-10T20:10:59+0100`.
    ///
    /// None for anything else. A time without an offset is refused: it doesn't name a moment. Fractions
    /// of a millisecond are cut off, so that an expiry is never read as later than it is.
    pub fn parse(text: &str) -> Option<Self> {
        let moment = match basic_offset(text) {
            Some((moment, hours, minutes)) => {
                DateTime::parse_from_rfc3339(&[moment, hours, ":", minutes].concat())
            }
            None => DateTime::parse_from_rfc3339(text),
        };
        moment.ok().map(|moment| Self(moment.timestamp_millis()))
    }

    /// The moment `duration` later; the last representable one where it would lie beyond.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(milliseconds(duration)))
    }

    /// The moment `duration` earlier; the first representable one where it would lie before.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(milliseconds(duration)))
    }

    /// How long it is from `earlier` to this moment; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        let milliseconds = self.0.saturating_sub(earlier.0);
        Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0))
    }
}

/// Takes a text apart that ends with an offset of four digits, `+0100`, as ISO 8601 allows and RFC 3339 doesn't:
/// into what stands before the offset, its sign and hours, and its minutes.
fn basic_offset(text: &str) -> Option<(&str, &str, &str)> {
    let (moment, offset) = text.split_at_checked(text.len().checked_sub(5)?)?;
    let is_offset =
        offset.starts_with(['+', '-']) && offset.bytes().skip(1).all(|byte| byte.is_ascii_digit());
    let (hours, minutes) = offset.split_at_checked(3)?;
    is_offset.then_some((moment, hours, minutes))
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn iso_8601_with_an_offset_is_read() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2024-02-10T19:10:59.123Z", 1_707_592_259_123),
            ("2024-02-10T19:10:59.123999Z", 1_707_592_259_123),
            ("2024-02-10T19:10:59Z", 1_707_592_259_000),
            ("2024-02-10T20:10:59+01:00", 1_707_592_259_000),
            ("2024-02-10T20:10:59+0100", 1_707_592_259_000),
            ("2024-02-10T14:10:59.5-05:00", 1_707_592_259_500),
            ("1969-12-31T23:59:59.999Z", -1),
        ] {
            assert_eq!(UnixMilliseconds::parse(text), Some(UnixMilliseconds(expected)), "{text}");
        }
    }

    #[test]
    fn what_names_no_moment_is_refused() {
        for text in [
            "",
            "never",
            "1707592259",
            "2024-02-10",
            "2024-02-10T19:10:59",
            "2024-02-10T19:10:59+01",
            "2024-02-10T19:10:59+2500",
            "2024-02-10T19:10:59é100",
            "2024-0210",
            "2024-02-30T00:00:00Z",
            "2024-02-10T25:00:00Z",
            "2024-02-10T19:10:59Z trailing",
            "999999999999-01-01T00:00:00Z",
        ] {
            assert_eq!(UnixMilliseconds::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_written_moment_is_read_back(milliseconds in 0_i64..4_102_444_800_000, offset in -14_i32..=14) {
            let zone = chrono::FixedOffset::east_opt(offset * 3600).unwrap();
            let text = DateTime::from_timestamp_millis(milliseconds)
                .unwrap()
                .with_timezone(&zone)
                .to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
            prop_assert_eq!(UnixMilliseconds::parse(&text), Some(UnixMilliseconds(milliseconds)));
        }

        #[test]
        fn no_text_panics(text in ".{0,64}") {
            let _ = UnixMilliseconds::parse(&text);
        }

        #[test]
        fn sums_stay_in_range(moment: i64, duration: u64) {
            let moment = UnixMilliseconds(moment);
            let duration = Duration::from_millis(duration);
            prop_assert!(moment.after(duration) >= moment);
            prop_assert!(moment.before(duration) <= moment);
        }
    }
}
