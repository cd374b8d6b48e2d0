//! Timestamps near the grammar of ISO 8601.

use crate::damage::{apply_to_text, damage};
use crate::{Verdict, fuzz};
use credwell_core::timestamp::UnixMilliseconds;
use proptest::prelude::*;
use proptest::sample::select;

/// The parts of a timestamp. Each of them can be out of its range.
#[derive(Clone, Debug)]
struct Parts {
    year: i64,
    month: i64,
    day: i64,
    separator: char,
    hour: i64,
    minute: i64,
    second: i64,
    fraction: Option<String>,
    offset: Offset,
}

#[derive(Clone, Debug)]
enum Offset {
    Zero(&'static str),
    /// The sign, the hours, what is between, and the minutes.
    Signed(char, i64, &'static str, i64),
    Malformed(&'static str),
}

impl Parts {
    fn text(&self) -> String {
        let Self { year, month, day, separator, hour, minute, second, .. } = self;
        let fraction = self.fraction.as_ref().map_or(String::new(), |digits| format!(".{digits}"));
        let offset = match &self.offset {
            Offset::Zero(text) | Offset::Malformed(text) => (*text).to_owned(),
            Offset::Signed(sign, hours, between, minutes) => format!("{sign}{hours:02}{between}{minutes:02}"),
        };
        format!("{year:04}-{month:02}-{day:02}{separator}{hour:02}:{minute:02}:{second:02}{fraction}{offset}")
    }

    /// The time, computed from the parts alone. None if a part is out of its range.
    fn milliseconds(&self) -> Option<i64> {
        let Self { year, month, day, hour, minute, second, .. } = *self;
        let is_leap_year = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let february = if is_leap_year { 29 } else { 28 };
        let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let length = *lengths.get(usize::try_from(month - 1).ok()?)?;
        let is_time = hour < 24 && minute < 60 && second <= 60;
        if !(1..=length).contains(&day) || !is_time || self.fraction.as_ref().is_some_and(String::is_empty) {
            return None;
        }
        let offset = match self.offset {
            Offset::Zero(_) => 0,
            Offset::Signed(sign, hours, _, minutes) if hours < 24 && minutes < 60 => {
                (hours * 60 + minutes) * if sign == '-' { -60 } else { 60 }
            }
            Offset::Signed(..) | Offset::Malformed(_) => return None,
        };
        let before = year - 1;
        let leap_days = before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400);
        let days_before_year = before * 365 + leap_days;
        let days_before_month: i64 = lengths.iter().take(usize::try_from(month - 1).ok()?).sum();
        // 1970-01-01 is day 719162 since 0001-01-01.
        let days = days_before_year + days_before_month + day - 1 - 719_162;
        let digits = format!("{:0<3}", self.fraction.clone().unwrap_or_default());
        let milliseconds: i64 = digits.get(..3)?.parse().ok()?;
        Some((days * 86_400 + hour * 3600 + minute * 60 + second - offset) * 1000 + milliseconds)
    }
}

fn parts() -> impl Strategy<Value = Parts> {
    let year = prop_oneof![4 => 1970_i64..2100, 1 => 0_i64..10_000];
    let offset = prop_oneof![
        3 => select(&["Z", "z"][..]).prop_map(Offset::Zero),
        3 => (select(&['+', '-'][..]), 0_i64..25, select(&["", ":"][..]), 0_i64..62)
            .prop_map(|(sign, hours, between, minutes)| Offset::Signed(sign, hours, between, minutes)),
        1 => select(&["", "+01", "+", "Z0", "+01:0", "+01:00:00", "UTC", "+é00", "--100", "+1:00"][..])
            .prop_map(Offset::Malformed),
    ];
    let fraction =
        prop::option::of(prop_oneof![4 => "[0-9]{1,3}", 3 => "[0-9]{4,20}", 1 => Just(String::new())]);
    let date = (year, 1_i64..14, prop_oneof![4 => 1_i64..29, 1 => 0_i64..33]);
    let time = (0_i64..25, prop_oneof![4 => 0_i64..60, 1 => 58_i64..62], 0_i64..62);
    (date, select(&['T', 't', ' '][..]), time, fraction, offset).prop_map(
        |((year, month, day), separator, (hour, minute, second), fraction, offset)| Parts {
            year,
            month,
            day,
            separator,
            hour,
            minute,
            second,
            fraction,
            offset,
        },
    )
}

/// What is taken is the time that the parts stand for, without fractions of a millisecond. So no expiry is
/// later than the upstream says.
#[test]
fn a_timestamp_is_exactly_what_its_parts_say() {
    let snippets = &["Z", "+0100", "-00:00", "T", ".", "60", "é", "\u{2212}01:00", " ", "\0"];
    fuzz("timestamps", (parts(), damage(snippets)), |(parts, changes)| {
        let text = apply_to_text(parts.text(), &changes);
        let time = UnixMilliseconds::parse(&text);
        if changes.is_empty() {
            assert_eq!(time, parts.milliseconds().map(UnixMilliseconds), "{text}");
        }
        let Some(time) = time else { return Verdict::Refused };
        if let Some(moment) = chrono::DateTime::from_timestamp_millis(time.0)
            && (0..253_402_300_800_000).contains(&time.0)
        {
            let written = moment.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
            assert_eq!(UnixMilliseconds::parse(&written), Some(time), "{text}");
        }
        Verdict::Taken
    });
}
