//! The waits before a retry of a request to the upstream.

use crate::ports::Response;
use crate::timestamp::UnixMilliseconds;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::time::Duration;

/// The longest wait within a call. If the upstream asks for a longer one, the call doesn't retry.
pub const MAXIMUM_RETRY_AFTER: Duration = Duration::from_secs(20);

/// From this number on, `X-RateLimit-Reset` is a time in Unix seconds and not a wait in seconds. As a time it
/// is in the year 2001. As a wait it would be 31 years.
const EARLIEST_RESET_SECONDS: u64 = 1_000_000_000;

/// From this number on, `X-RateLimit-Reset` is a time in Unix milliseconds. In milliseconds it is in the year
/// 1973. In seconds it would be in the year 5138.
const EARLIEST_RESET_MILLISECONDS: u64 = 100_000_000_000;

/// A wait that doubles each time: `min(first × 2ⁿ, longest)`, with `n` counted from 0.
pub(crate) fn doubling(first: Duration, longest: Duration, n: u32) -> Duration {
    2_u32
        .checked_pow(n)
        .and_then(|factor| first.checked_mul(factor))
        .map_or(longest, |wait| wait.min(longest))
}

/// The wait before retry `n` of a request, with `n` counted from 0: `jitter × min(250 ms × 2ⁿ, 8 s)`, with
/// jitter from 0 up to 1 ("full jitter").
pub fn between_attempts(n: u32, jitter: f64) -> Duration {
    doubling(Duration::from_millis(250), Duration::from_secs(8), n).mul_f64(jitter)
}

/// The wait that a response asks for: its `Retry-After`, or with status 429 also its `X-RateLimit-Reset`.
/// Many APIs send `X-RateLimit-Reset` with every response, so with another status it is no wait before a
/// retry.
pub fn requested_wait(response: &Response, now: UnixMilliseconds) -> Option<Duration> {
    let retry_after = response.retry_after.as_deref().and_then(|value| retry_after(value.trim_ascii(), now));
    let reset = response.rate_limit_reset.as_deref().filter(|_| response.status == 429);
    retry_after.or_else(|| reset.and_then(|value| rate_limit_reset(value.trim_ascii(), now)))
}

/// Reads `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3).
fn retry_after(value: &str, now: UnixMilliseconds) -> Option<Duration> {
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    http_date(value).map(|date| date.since(now))
}

/// Reads a date in one of the three forms of RFC 9110, section 5.6.7. A year of two digits is between 1970
/// and 2069.
fn http_date(value: &str) -> Option<UnixMilliseconds> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let words: Vec<_> = value.split([' ', '-']).filter(|word| !word.is_empty()).collect();
    let (day, month, year, time) = match words[..] {
        [_, day, month, year, time, "GMT"] => (day, month, year, time),
        [_, month, day, time, year] => (day, month, year, time),
        _ => return None,
    };
    let century = match year.as_bytes() {
        [b'0'..=b'6', _] => "20",
        [_, _] => "19",
        _ => "",
    };
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let two_digits = |number: &str| [&"00"[number.len().min(2)..], number].concat();
    let month = two_digits(&month.to_string());
    UnixMilliseconds::parse(&[century, year, "-", &month, "-", &two_digits(day), "T", time, "Z"].concat())
}

/// Reads `X-RateLimit-Reset`, which has no standard: a wait in seconds, or a time in Unix seconds or
/// milliseconds.
fn rate_limit_reset(value: &str, now: UnixMilliseconds) -> Option<Duration> {
    let number: u64 = value.parse().ok()?;
    let reset_at = match number {
        0..EARLIEST_RESET_SECONDS => return Some(Duration::from_secs(number)),
        EARLIEST_RESET_SECONDS..EARLIEST_RESET_MILLISECONDS => Duration::from_secs(number),
        EARLIEST_RESET_MILLISECONDS.. => Duration::from_millis(number),
    };
    Some(UnixMilliseconds(0).after(reset_at).since(now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: UnixMilliseconds = UnixMilliseconds(784_111_777_000);

    fn response(retry_after: Option<&str>, rate_limit_reset: Option<&str>) -> Response {
        Response {
            status: 429,
            retry_after: retry_after.map(str::to_owned),
            rate_limit_reset: rate_limit_reset.map(str::to_owned),
            body: Vec::new().into(),
        }
    }

    #[test]
    fn waits_double_up_to_a_bound() {
        let seconds = |n: f64| Duration::from_secs_f64(n);
        let waits = [0, 1, 2, 5, 6, 40].map(|n| between_attempts(n, 1.0));
        assert_eq!(waits, [0.25, 0.5, 1.0, 8.0, 8.0, 8.0].map(seconds));
    }

    #[test]
    fn the_jitter_is_full() {
        assert_eq!(between_attempts(1, 0.0), Duration::ZERO);
        assert_eq!(between_attempts(1, 0.5), Duration::from_millis(250));
    }

    #[test]
    fn every_form_of_a_requested_wait_is_read() {
        for (retry_after, reset, expected) in [
            (None, None, None),
            (Some("3"), None, Some(3)),
            (Some(" 3 "), Some("9"), Some(3)),
            (Some("0"), None, Some(0)),
            // The three date forms of RFC 9110, section 5.6.7; all are 1994-11-06 08:49:47.
            (Some("Sun, 06 Nov 1994 08:49:47 GMT"), None, Some(10)),
            (Some("Sunday, 06-Nov-94 08:49:47 GMT"), None, Some(10)),
            (Some("Sun Nov  6 08:49:47 1994"), None, Some(10)),
            (Some("Sun, 06 Nov 1994 08:00:00 GMT"), None, Some(0)),
            // The years of two digits in RFC 850.
            (Some("Sunday, 31-Dec-69 23:59:59 GMT"), None, Some(3_155_759_999 - 784_111_777)),
            (Some("Thursday, 01-Jan-70 00:00:00 GMT"), None, Some(0)),
            (Some("Sun, 06 Nov 1994 08:49:47 +0100"), None, None),
            (Some("Sun, 06 Nov 1994 25:49:47 GMT"), None, None),
            (Some("Sun, 31 Nov 1994 08:49:47 GMT"), None, None),
            (Some("Sun, 06 nov 1994 08:49:47 GMT"), None, None),
            (Some("soon"), None, None),
            (Some("-1"), None, None),
            (Some("soon"), Some("7"), Some(7)),
            (None, Some("7"), Some(7)),
            (None, Some("1000000007"), Some(1_000_000_007 - 784_111_777)),
            (None, Some("1000000007000"), Some(1_000_000_007 - 784_111_777)),
            (None, Some("later"), None),
        ] {
            let found = requested_wait(&response(retry_after, reset), NOW);
            assert_eq!(found, expected.map(Duration::from_secs), "{retry_after:?} {reset:?}");
        }
    }

    #[test]
    fn a_reset_of_the_rate_limit_counts_with_status_429_only() {
        for status in [200, 403, 500, 502, 503, 504] {
            let with_reset = Response { status, ..response(None, Some("300")) };
            assert_eq!(requested_wait(&with_reset, NOW), None, "{status}");
            let with_both = Response { status, ..response(Some("7"), Some("300")) };
            assert_eq!(requested_wait(&with_both, NOW), Some(Duration::from_secs(7)), "{status}");
        }
    }

    proptest! {
        #[test]
        fn no_header_panics(one in ".{0,40}", other in "[0-9]{0,30}") {
            let _ = requested_wait(&response(Some(&one), Some(&other)), NOW);
            let _ = requested_wait(&response(Some(&other), Some(&one)), NOW);
        }
    }
}
