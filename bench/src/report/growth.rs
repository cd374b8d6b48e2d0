//! The part of the report about growth.

use super::table;
use crate::sections::growth::{Growth, Point, of};
use crate::stats::thousands;
use crate::subject::Subject;

pub(super) fn growth(growth: &Growth) -> String {
    let mut text = "### Accounts\n\nThe cost of a hit while the store holds more and more accounts of 1,024 bytes, and \
                    each of them is asked for. The broker runs in the host library, and its store is filled before it \
                    listens. Its store is `memory:?memory_mebibytes=4096`, or `redb:` as it is by default. By default, \
                    `memory:` has 256 MiB, and beyond that drops the entries that were not written for the longest \
                    time.\n\n\
                    ![Cost of a hit by the number of accounts](benchmarks-growth.svg)\n\n"
        .to_owned();
    text += &points(&growth.accounts, "Accounts", true);
    text += "\n### Payload\n\nHits only, 64 connections.\n\n";
    text += &points(&growth.payloads, "Bytes of an account", false);
    text += "\n### Connections\n\nHits only, accounts of 1,024 bytes.\n\n";
    text += &points(&growth.connections, "Connections", false);
    text
}

fn points(points: &[Point], size: &str, has_memory: bool) -> String {
    let mut head =
        vec!["Server", size, "Cost × smallest", "Processor µs/request", "Requests/s", "p99 in ms", "Errors"];
    if has_memory {
        head.push("Resident MiB");
    }
    let cost = |point: &Point| point.rounds.spread(|round| round.cost).median;
    let rows = Subject::ALL.into_iter().flat_map(|subject| of(points, subject)).map(|point| {
        let smallest = of(points, point.subject).next().map_or(f64::NAN, cost);
        let mut row = vec![
            point.subject.name().to_owned(),
            thousands(point.size as f64),
            format!("{:.2}", cost(point) / smallest),
            format!("{:.1}", point.rounds.spread(|round| round.cost)),
            thousands(point.rounds.rate()),
            format!("{:.2}", point.rounds.spread(|round| round.p99).median),
            point.rounds.errors().to_string(),
        ];
        if has_memory {
            row.push(thousands(point.memory as f64 / f64::from(1 << 20)));
        }
        row
    });
    table(&head, rows)
}
