//! Timestamps: the upstream's ISO 8601 texts, and the milliseconds that the cache stores.

use chrono::DateTime;
use core::time::Duration;

/// A time in milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixMilliseconds(pub i64);

impl UnixMilliseconds {
    /// Reads an ISO 8601 date and time with an offset: `2024-02-10T19:10:59.123Z`,
    /// `2024-02-10T20:10:59+01:00`, `2024-02-10T20:10:59+0100`.
    ///
    /// None for anything else, also for a time without an offset, which is ambiguous. Fractions of a
    /// millisecond are cut off, so that an expiry is never later than the upstream says.
    pub fn parse(text: &str) -> Option<Self> {
        let time = match split_basic_offset(text) {
            Some((time, hours, minutes)) => {
                DateTime::parse_from_rfc3339(&[time, hours, ":", minutes].concat())
            }
            None => DateTime::parse_from_rfc3339(text),
        };
        time.ok().map(|time| Self(time.timestamp_millis()))
    }

    /// The time `duration` later, at most the last representable one.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(milliseconds(duration)))
    }

    /// The time `duration` earlier, at least the first representable one.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(milliseconds(duration)))
    }

    /// The duration from `earlier` to this time. Zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        let milliseconds = self.0.saturating_sub(earlier.0);
        Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0))
    }
}

/// Splits a text that ends with an offset of four digits, such as `+0100`, which ISO 8601 allows and RFC 3339
/// doesn't: into the date and time, the sign with the hours, and the minutes.
fn split_basic_offset(text: &str) -> Option<(&str, &str, &str)> {
    let (time, offset) = text.split_at_checked(text.len().checked_sub(5)?)?;
    let is_offset =
        offset.starts_with(['+', '-']) && offset.bytes().skip(1).all(|byte| byte.is_ascii_digit());
    let (hours, minutes) = offset.split_at_checked(3)?;
    is_offset.then_some((time, hours, minutes))
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
    fn other_texts_are_refused() {
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
        fn a_written_time_is_read_back(milliseconds in 0_i64..4_102_444_800_000, offset in -14_i32..=14) {
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
        fn sums_stay_in_range(time: i64, duration: u64) {
            let time = UnixMilliseconds(time);
            let duration = Duration::from_millis(duration);
            prop_assert!(time.after(duration) >= time);
            prop_assert!(time.before(duration) <= time);
        }
    }
}
