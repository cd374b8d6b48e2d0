//! Tests of the report: from the results of sections to the page and its plots.

use credwell_bench::measurement::{Round, Rounds};
use credwell_bench::report::{NOTES, PAGE, Results, targets};
use credwell_bench::results::{Machine, Measurements, Section};
use credwell_bench::samples::Samples;
use credwell_bench::sections::call::{Call, CallTime, Callee};
use credwell_bench::sections::flood::Flood;
use credwell_bench::sections::growth::{Growth, Point};
use credwell_bench::sections::http::{Http, HttpServer};
use credwell_bench::sections::latency::{Latency, LatencyServer, OpenRound};
use credwell_bench::sections::size::{ComponentSize, Size};
use credwell_bench::sections::soak::Soak;
use credwell_bench::stats::Spread;
use credwell_bench::subject::Subject;

fn section<T: Measurements>(measurements: T) -> Section<T> {
    Section {
        began: "2026-01-01T00:00:00Z".to_owned(),
        seconds: 60,
        is_quick: false,
        machine: Machine { cores: 2, processor: "a processor".to_owned() },
        measurements,
    }
}

/// Rounds with these rates. A request costs a millionth of the rate's inverse.
fn rounds(rates: &[f64]) -> Rounds {
    let round = |rate: &f64| Round {
        requests: 1_000,
        errors: 0,
        upstream_requests: 100,
        rate: *rate,
        cost: 1e6 / rate,
        p50: 1.0,
        p99: 4.0,
    };
    Rounds(rates.iter().map(round).collect())
}

fn one(value: f64) -> Spread {
    Spread { median: value, lowest: value, highest: value }
}

fn open(p99: f64) -> Vec<OpenRound> {
    vec![OpenRound { rate: 5_000.0, errors: 0, p50: 0.1, p99, p999: 2.0 * p99 }; 3]
}

fn point(subject: Subject, size: u64, rate: f64) -> Point {
    Point { subject, size, rounds: rounds(&[rate]), memory: 64 << 20 }
}

/// Results of all sections. The broker reaches half of the native proxy that seals.
fn results() -> Results {
    let server = |subject, rates: &[f64]| HttpServer { subject, hits: rounds(rates), misses: rounds(rates) };
    let latency = |subject, own, same| LatencyServer {
        subject,
        largest_rate: 10_000.0,
        own: open(own),
        same: open(same),
    };
    let call = |callee, nanoseconds| CallTime { callee, nanoseconds: one(nanoseconds) };
    let small = ComponentSize {
        file: "credwell.wasm".to_owned(),
        bytes: 150_001,
        gzip_bytes: 70_000,
        compile: one(800.0),
        compiled_bytes: 600_000,
        load: one(0.2),
    };
    let mut memory = Samples::default();
    [100, 100, 100, 110, 109, 109].into_iter().for_each(|bytes| memory.push(bytes << 20));
    Results {
        http: Some(section(Http {
            round_seconds: 5,
            servers: vec![
                server(Subject::Memory, &[1_000.0, 1_100.0, 900.0]),
                server(Subject::Redb, &[500.0, 550.0, 450.0]),
                server(Subject::NativeSealed, &[2_000.0, 2_200.0, 1_500.0]),
                server(Subject::Native, &[4_000.0, 4_000.0, 4_000.0]),
            ],
            skipped: vec![(Subject::Redis, "it is | missing".to_owned())],
        })),
        latency: Some(section(Latency {
            same_rate: 5_000.0,
            servers: vec![latency(Subject::Memory, 1.0, 1.0), latency(Subject::Native, 0.8, 0.4)],
        })),
        call: Some(section(Call {
            calls: vec![
                call(Callee::Reused("credwell.wasm".to_owned()), 40_000.0),
                call(Callee::Reused("fast/credwell.wasm".to_owned()), 24_000.0),
                call(Callee::Core, 8_000.0),
            ],
        })),
        growth: Some(section(Growth {
            accounts: vec![
                point(Subject::Memory, 1, 10_000.0),
                point(Subject::Memory, 1_000_000, 8_400.0),
                point(Subject::Redb, 1, 10_000.0),
                point(Subject::Redb, 1_000_000, 8_000.0),
            ],
            ..Growth::default()
        })),
        size: Some(section(Size { components: vec![small], ..Size::default() })),
        soak: Some(section(Soak { seconds: 6, memory, ..Soak::default() })),
        flood: Some(section(Flood::default())),
    }
}

#[test]
fn each_target_is_judged_by_its_median() {
    let judged: Vec<_> =
        targets(&results()).iter().map(|it| (it.measured.unwrap().median, it.is_met())).collect();
    let expected = [
        (0.5, Some(true)),
        (0.25, Some(false)),
        (0.5, Some(false)),
        (0.25, Some(false)),
        (2.5, Some(false)),
        (1.25, Some(true)),
        (3.0, Some(true)),
        (10_000.0 / 8_400.0, Some(true)),
        (1.25, Some(false)),
        (150_001.0, Some(false)),
        (9.0, Some(true)),
    ];
    assert_eq!(judged.len(), expected.len());
    for (index, ((measured, is_met), (value, met))) in judged.into_iter().zip(expected).enumerate() {
        assert!((measured - value).abs() < 1e-6 && is_met == met, "{index}: {measured} {is_met:?}");
    }
}

#[test]
fn a_target_without_its_section_is_not_judged() {
    assert!(targets(&Results::default()).iter().all(|target| target.is_met().is_none()));
    assert!(Results::default().page("").contains("| not measured |"));
}

#[test]
fn the_page_begins_with_the_targets_and_ends_with_the_notes() {
    let page = results().page("## Notes\n\nBy hand.\n");
    assert!(page.ends_with("\n## Notes\n\nBy hand.\n"), "{page}");
    let titles: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(titles[..3], ["Targets", "Runs", "Rates"]);
    for line in [
        "| Hits: rate of `memory:` / native proxy that seals (equal work) | ≥ 0.5 | 0.50 (0.50 to 0.60) | met |",
        "| Credentials component, small flavour, in bytes | ≤ 150,000 | 150,001 | **not met** |",
        "| `http` | 2026-01-01T00:00:00Z | 60 s | 2 | a processor |",
        "| credwell serve, `redb:` | 0.25 (0.25 to 0.30) | 0.12 (0.11 to 0.14) | – | 500 | 2000 | 1.00 ms | 4.00 ms | 10.0 % | 0 |",
        "Left out: credwell serve, `redis:` (it is   missing).",
    ] {
        assert!(page.lines().any(|found| found == line), "no {line} in {page}");
    }
    assert!(page.contains("grew by +9.0 % from"), "{page}");
}

#[test]
fn every_row_of_a_table_has_as_many_cells_as_its_head() {
    let page = results().page("");
    let mut cells = None;
    for line in page.lines() {
        let count = line.starts_with('|').then(|| line.matches('|').count());
        assert!(cells.is_none() || count.is_none() || cells == count, "{line}");
        cells = count;
    }
}

#[test]
fn a_report_is_written_with_every_plot_that_it_shows() {
    let folder = tempfile::tempdir().expect("a folder");
    results().write(folder.path()).expect("it is written");
    let page = std::fs::read_to_string(folder.path().join(PAGE)).expect("the page");
    assert!(page.ends_with(std::fs::read_to_string(NOTES).expect("the notes").trim_start()));
    let plots = page.split("](").skip(1).filter_map(|rest| rest.split_once(".svg)"));
    let plots: Vec<_> = plots.map(|(name, _)| format!("{name}.svg")).collect();
    assert_eq!(plots.len(), 4);
    for name in plots {
        let text = std::fs::read_to_string(folder.path().join(&name)).expect("the plot");
        assert!(text.starts_with("<svg") && text.trim_end().ends_with("</svg>"), "{name}");
        assert!(!text.contains("NaN") && !text.contains("inf"), "{name}");
    }
}

#[test]
fn the_results_of_all_sections_are_read_as_they_were_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let results = results();
    results.http.as_ref().expect("it is there").store(folder.path()).expect("it is written");
    results.latency.as_ref().expect("it is there").store(folder.path()).expect("it is written");
    results.call.as_ref().expect("it is there").store(folder.path()).expect("it is written");
    results.growth.as_ref().expect("it is there").store(folder.path()).expect("it is written");
    results.size.as_ref().expect("it is there").store(folder.path()).expect("it is written");
    results.soak.as_ref().expect("it is there").store(folder.path()).expect("it is written");
    results.flood.as_ref().expect("it is there").store(folder.path()).expect("it is written");
    let read = Results::load(folder.path()).expect("they are read");
    assert_eq!(read.page("notes"), results.page("notes"));
}
