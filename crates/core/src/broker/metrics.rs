//! The broker's metrics: counters in the store, which all instances share, and Prometheus's text format for
//! them.
//!
//! A counter is a number under a key of its own. An atomic increment counts it up. To read a counter, the
//! broker increments it by zero, because only the host knows how it stores a number. If the store loses a
//! counter, the counter starts at zero again, as Prometheus expects of a restarted process.

use super::outcome::{Outcome, ProblemCode};
use super::record::{Record, milliseconds};
use crate::error::{ErrorCase, WarningCase};
use crate::ports::{Bucket, Ports, StoreError};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::string::ToString;
use core::time::Duration;

/// The beginning of the keys of all counters.
const PREFIX: &str = "credwell.count.";

/// The label of all other outcomes, which no request of an authenticated caller has.
const OTHER: &str = "other";

/// The outcomes of requests of callers that have authenticated.
fn outcomes() -> impl Iterator<Item = &'static str> {
    const OWN: [Outcome; 7] = [
        Outcome::Hit,
        Outcome::Miss,
        Outcome::Refresh,
        Outcome::Ok,
        Outcome::Problem(ProblemCode::NotAllowed),
        Outcome::Problem(ProblemCode::RequestTooLarge),
        Outcome::Problem(ProblemCode::MalformedBody),
    ];
    // Without a configuration it is not known where to count.
    let calls = ErrorCase::ALL.iter().filter(|case| **case != ErrorCase::Configuration);
    OWN.into_iter().map(Outcome::name).chain(calls.map(|case| case.name())).chain([OTHER])
}

/// The upper bounds of the histogram's buckets: in milliseconds, and in seconds as Prometheus writes them.
const BOUNDS: [(u64, &str); 9] = [
    (50, "0.05"),
    (100, "0.1"),
    (250, "0.25"),
    (500, "0.5"),
    (1_000, "1"),
    (2_500, "2.5"),
    (5_000, "5"),
    (10_000, "10"),
    (u64::MAX, "+Inf"),
];

/// Counts a request. A count that fails is lost, because the caller already has the response.
pub async fn count<P: Ports>(ports: &P, record: &Record) {
    let Some(location) = &record.counted_in else { return };
    let Ok(bucket) = ports.open(location).await else { return };
    let outcome = outcomes().find(|known| *known == record.outcome.name()).unwrap_or(OTHER);
    let mut counts = vec![(["requests.", outcome].concat(), 1)];
    counts.extend(record.warnings.iter().map(|warning| (["warnings.", warning.name()].concat(), 1)));
    for took in &record.upstream_durations {
        counts.push((["upstream.", bound(*took)].concat(), 1));
        counts.push(("upstream.sum".to_owned(), milliseconds(*took)));
    }
    for (name, delta) in counts {
        let _ = bucket.increment(&[PREFIX, &name].concat(), delta).await;
    }
}

fn bound(took: Duration) -> &'static str {
    let took = milliseconds(took);
    BOUNDS.into_iter().find(|(bound, _)| took <= *bound).map_or("+Inf", |(_, name)| name)
}

/// The counters, as text for Prometheus.
///
/// # Errors
/// The store can't read a counter.
pub async fn text(bucket: &impl Bucket) -> Result<String, StoreError> {
    let read = async |name: &str| bucket.increment(&[PREFIX, name].concat(), 0).await;

    let mut text =
        head("requests_total", "counter", "Requests of callers that were let in, by what came of them.");
    for outcome in outcomes() {
        let number = read(&["requests.", outcome].concat()).await?;
        line(&mut text, "requests_total", Some(("outcome", outcome)), &number.to_string());
    }
    text += &head("warnings_total", "counter", "Warnings in good answers, by their code.");
    for warning in WarningCase::ALL.iter().map(|case| case.name()) {
        let number = read(&["warnings.", warning].concat()).await?;
        line(&mut text, "warnings_total", Some(("warning", warning)), &number.to_string());
    }
    let name = "upstream_request_duration_seconds";
    text += &head(name, "histogram", "How long requests to the upstream took, retries counted one by one.");
    let mut total = 0_u64;
    for (_, bound) in BOUNDS {
        total = total.saturating_add(read(&["upstream.", bound].concat()).await?);
        line(&mut text, &[name, "_bucket"].concat(), Some(("le", bound)), &total.to_string());
    }
    let sum = read("upstream.sum").await?;
    line(&mut text, &[name, "_sum"].concat(), None, &seconds(sum));
    line(&mut text, &[name, "_count"].concat(), None, &total.to_string());
    Ok(text)
}

fn head(name: &str, kind: &str, help: &str) -> String {
    ["# HELP credwell_", name, " ", help, "\n# TYPE credwell_", name, " ", kind, "\n"].concat()
}

fn line(text: &mut String, name: &str, label: Option<(&str, &str)>, number: &str) {
    text.push_str("credwell_");
    text.push_str(name);
    if let Some((label, value)) = label {
        text.push_str(&["{", label, "=\"", value, "\"}"].concat());
    }
    text.push_str(&[" ", number, "\n"].concat());
}

/// Milliseconds as seconds with three decimals.
fn seconds(milliseconds: u64) -> String {
    let thousandths = (milliseconds % 1000 + 1000).to_string();
    [&(milliseconds / 1000).to_string(), ".", thousandths.get(1..).unwrap_or_default()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_counts_under_the_smallest_bound_that_holds_it() {
        for (milliseconds, expected) in
            [(0, "0.05"), (50, "0.05"), (51, "0.1"), (9_999, "10"), (10_001, "+Inf"), (u64::MAX, "+Inf")]
        {
            assert_eq!(bound(Duration::from_millis(milliseconds)), expected, "{milliseconds}");
        }
    }

    #[test]
    fn seconds_have_three_decimals() {
        assert_eq!(
            (seconds(0), seconds(7), seconds(1_050)),
            ("0.000".into(), "0.007".into(), "1.050".into())
        );
        assert_eq!(seconds(12_345_678), "12345.678");
    }
}
