//! The targets of the benchmarks, and whether they are met.

use super::{Results, shown};
use crate::samples::FLAT_PERCENT;
use crate::sections::call::Callee;
use crate::sections::growth::{Point, of};
use crate::sections::latency::{OpenRound, each};
use crate::stats::{Spread, thousands};
use crate::subject::Subject;
use std::fmt::{self, Display, Formatter};

/// A bound of a target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// The measured value is at least this.
    AtLeast(f64),
    /// The measured value is at most this.
    AtMost(f64),
}

/// A target with what was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// What is measured.
    pub text: &'static str,
    /// The bound.
    pub bound: Bound,
    /// The measured value. `None` if its section has not run.
    pub measured: Option<Spread>,
}

impl Target {
    /// Whether the median is within the bound. `None` without a measurement.
    pub fn is_met(&self) -> Option<bool> {
        self.measured.map(|measured| match self.bound {
            Bound::AtLeast(bound) => measured.median >= bound,
            Bound::AtMost(bound) => measured.median <= bound,
        })
    }
}

impl Display for Bound {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let (sign, bound) = match self {
            Self::AtLeast(bound) => ("≥", *bound),
            Self::AtMost(bound) => ("≤", *bound),
        };
        if bound >= 1_000.0 {
            write!(formatter, "{sign} {}", thousands(bound))
        } else {
            write!(formatter, "{sign} {bound}")
        }
    }
}

/// All targets, in the order of the report.
pub fn targets(results: &Results) -> Vec<Target> {
    let hits = |one, other| {
        let http = &results.http.as_ref()?.measurements;
        http.of(one)?.hits.ratio(&http.of(other)?.hits)
    };
    let misses = || {
        let http = &results.http.as_ref()?.measurements;
        http.of(Subject::Memory)?.misses.ratio(&http.of(Subject::Native)?.misses)
    };
    let latency = |rounds: fn(&crate::sections::latency::LatencyServer) -> &[OpenRound]| {
        let latency = &results.latency.as_ref()?.measurements;
        let p99 = |subject| Some(each(rounds(latency.of(subject)?), |round| round.p99));
        Spread::of_ratios(&p99(Subject::Memory)?, &p99(Subject::Native)?)
    };
    let call = || {
        let call = &results.call.as_ref()?.measurements;
        let (reused, core) = (call.fastest_reused()?.nanoseconds, call.of(&Callee::Core)?);
        Some(Spread {
            median: reused.median / core.median,
            lowest: reused.lowest / core.highest,
            highest: reused.highest / core.lowest,
        })
    };
    let flatness =
        |subject| flatness(of(&results.growth.as_ref()?.measurements.accounts, subject).collect::<Vec<_>>());
    let small = || {
        let size = &results.size.as_ref()?.measurements;
        let file = size.components.iter().find(|component| component.file == "credwell.wasm")?;
        Spread::of(&[file.bytes as f64])
    };
    let soak = || Spread::of(&[results.soak.as_ref()?.measurements.memory.growth_percent()?]);
    let target = |text, bound, measured| Target { text, bound, measured };
    let (at_least, at_most) = (Bound::AtLeast, Bound::AtMost);
    vec![
        target(
            "Hits: rate of `memory:` / native proxy that seals (equal work)",
            at_least(0.5),
            hits(Subject::Memory, Subject::NativeSealed),
        ),
        target(
            "Hits: rate of `memory:` / native proxy",
            at_least(0.35),
            hits(Subject::Memory, Subject::Native),
        ),
        target("Hits: rate of `redb:` / `memory:`", at_least(0.8), hits(Subject::Redb, Subject::Memory)),
        target("10 % misses: rate of `memory:` / native proxy", at_least(0.9), misses()),
        target(
            "p99 of hits at the same rate, half of the broker's largest: `memory:` / native proxy",
            at_most(2.0),
            latency(|server| &server.same),
        ),
        target(
            "p99 of hits, each server at half of its own largest rate: `memory:` / native proxy",
            at_most(2.0),
            latency(|server| &server.own),
        ),
        target("Cached call: reused instance / the same core natively", at_most(3.0), call()),
        target(
            "Cost of a hit over all numbers of accounts, `memory:`: highest / lowest",
            at_most(1.2),
            flatness(Subject::Memory),
        ),
        target(
            "Cost of a hit over all numbers of accounts, `redb:`: highest / lowest",
            at_most(1.2),
            flatness(Subject::Redb),
        ),
        target("Credentials component, small flavour, in bytes", at_most(150_000.0), small()),
        target("Soak: growth of the resident memory in percent", at_most(FLAT_PERCENT), soak()),
    ]
}

/// The highest median cost over all sizes in relation to the lowest one.
fn flatness(points: Vec<&Point>) -> Option<Spread> {
    let costs: Vec<_> = points.iter().map(|point| point.rounds.spread(|round| round.cost).median).collect();
    let spread = Spread::of(&costs)?;
    Spread::of(&[spread.highest / spread.lowest])
}

/// The table of targets.
pub(super) fn table(results: &Results) -> String {
    let mut text = "\n## Targets\n\n| Target | Bound | Measured | |\n|---|--:|--:|---|\n".to_owned();
    for target in targets(results) {
        let measured = match target.measured {
            Some(measured) if measured.median >= 1_000.0 => thousands(measured.median),
            measured => shown(measured),
        };
        let verdict = match target.is_met() {
            Some(true) => "met",
            Some(false) => "**not met**",
            None => "not measured",
        };
        text += &format!("| {} | {} | {measured} | {verdict} |\n", target.text, target.bound);
    }
    text
}
