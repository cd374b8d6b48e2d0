//! The report of a run, in Markdown.

use crate::growth::FLAT_PERCENT;
use crate::load::{CONNECTIONS, THREADS, WARM_ACCOUNTS};
use crate::run::{Findings, MISS_PERCENT, Measurement, Plan, ROUNDS, WORKER_THREADS};
use crate::subject::Role;
use crate::upstream::{BODY_BYTES, LATENCY};
use std::fmt::{self, Display, Formatter};

const BYTES_PER_MEBIBYTE: f64 = (1 << 20) as f64;

/// The report of a run. `Display` prints it.
pub struct Report<'a> {
    /// The plan of the run.
    pub plan: Plan,
    /// The findings, one for each server.
    pub findings: &'a [Findings],
    /// The number of the machine's cores.
    pub cores: usize,
}

impl Report<'_> {
    /// The number of failed requests, over all servers and rounds.
    pub fn errors(&self) -> u64 {
        let both = |found: &Findings| found.with_misses.outcome.errors() + found.hits_only.outcome.errors();
        self.findings.iter().map(both).sum()
    }

    /// The rate of the server with this role. NaN if there is none.
    fn rate_of(&self, role: Role, kind: MeasurementKind) -> f64 {
        let found = self.findings.iter().find(|findings| findings.subject.role == role);
        found.map_or(f64::NAN, |findings| kind(findings).outcome.rate())
    }

    fn write_speed(&self, formatter: &mut Formatter<'_>, kind: MeasurementKind) -> fmt::Result {
        writeln!(
            formatter,
            "| Server | Requests/s | × hello | × native | p50 ms | p99 ms | Errors | Misses | Processor µs/request |"
        )?;
        writeln!(formatter, "|---|--:|--:|--:|--:|--:|--:|--:|--:|")?;
        for findings in self.findings {
            let Measurement { outcome, upstream_requests, processor_time, .. } = kind(findings);
            let milliseconds = |share| outcome.latencies.percentile(share) as f64 / 1_000.0;
            let misses = match findings.subject.role.is_proxy() {
                true => format!("{:.1} %", *upstream_requests as f64 / outcome.requests as f64 * 100.0),
                false => "–".to_owned(),
            };
            writeln!(
                formatter,
                "| {} | {:.0} | {:.2} | {:.2} | {:.2} | {:.2} | {} | {misses} | {:.0} |",
                findings.subject.name,
                outcome.rate(),
                outcome.rate() / self.rate_of(Role::Ceiling, kind),
                outcome.rate() / self.rate_of(Role::Native, kind),
                milliseconds(0.5),
                milliseconds(0.99),
                outcome.errors(),
                processor_time.as_secs_f64() * 1e6 / outcome.requests as f64,
            )?;
        }
        Ok(())
    }

    fn write_memory(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "| Server | Start MiB | End MiB | Largest MiB | Growth | New entries | Bytes/entry | Growth, hits only | Flat |"
        )?;
        writeln!(formatter, "|---|--:|--:|--:|--:|--:|--:|--:|---|")?;
        for Findings { subject, with_misses, hits_only } in self.findings {
            let (memory, entries) = (&with_misses.memory, with_misses.upstream_requests);
            let mebibytes = |bytes: u64| bytes as f64 / BYTES_PER_MEBIBYTE;
            let grown = memory.last() as f64 - memory.first() as f64;
            let per_entry =
                if entries == 0 { "–".to_owned() } else { format!("{:.0}", grown / entries as f64) };
            let percent =
                |growth: Option<f64>| growth.map_or("–".to_owned(), |growth| format!("{growth:+.1} %"));
            let flat = hits_only.memory.growth_percent().map(|growth| growth <= FLAT_PERCENT);
            writeln!(
                formatter,
                "| {} | {:.1} | {:.1} | {:.1} | {} | {entries} | {per_entry} | {} | {} |",
                subject.name,
                mebibytes(memory.first()),
                mebibytes(memory.last()),
                mebibytes(memory.largest()),
                percent(memory.growth_percent()),
                percent(hits_only.memory.growth_percent()),
                flat.map_or("–", |flat| if flat { "yes" } else { "no" }),
            )?;
        }
        Ok(())
    }
}

/// Selects one of a server's measurements.
type MeasurementKind = fn(&Findings) -> &Measurement;

impl Display for Report<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let round_seconds = (self.plan.seconds / ROUNDS).max(1);
        writeln!(
            formatter,
            "# Load test of the HTTP broker\n\n\
             The server, the load and the upstream share {cores} cores and the loopback. Each server has \
             {WORKER_THREADS} worker threads. wrk loads one server after the other with {THREADS} threads \
             and {CONNECTIONS} connections, in {ROUNDS} rounds of {round_seconds} s after a warm-up. \
             {MISS_PERCENT} % of the requests are for an account that was never requested before, the \
             others for one of {WARM_ACCOUNTS} accounts. The upstream responds after {latency} ms with \
             {BODY_BYTES} bytes. The latencies are without wrk's correction for stalls. The logs are \
             discarded.\n\n\
             The hello component has no logic and runs in the same host: its rate is the ceiling. The \
             native proxy consists of axum, moka and reqwest; it neither encrypts nor wipes its cache.\n\n\
             ## With {MISS_PERCENT} % misses\n",
            cores = self.cores,
            latency = LATENCY.as_millis(),
        )?;
        self.write_speed(formatter, |findings| &findings.with_misses)?;
        writeln!(formatter, "\n## Hits only, one round of {round_seconds} s\n")?;
        self.write_speed(formatter, |findings| &findings.hits_only)?;
        writeln!(
            formatter,
            "\n## Memory\n\nThe resident set of the server's process in the rounds with misses. Each miss \
             adds an entry to the cache. Growth is from the mean of the first third of the samples to the \
             mean of the last third. Flat means a growth of at most {FLAT_PERCENT} % in the round with hits \
             only, in which the cache's content doesn't change.\n"
        )?;
        self.write_memory(formatter)?;
        match self.errors() {
            0 => writeln!(formatter, "\nErrors: none."),
            errors => writeln!(
                formatter,
                "\nErrors: {errors}. That is a failure; `--show-logs` shows the servers' reasons."
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latencies::Latencies;
    use crate::load::Outcome;
    use crate::subject::SUBJECTS;
    use std::time::Duration;

    fn measurement(requests: u64, refused: u64, memory: &[u64]) -> Measurement {
        let mut measurement = Measurement {
            outcome: Outcome {
                requests,
                elapsed: Duration::from_secs(1),
                refused,
                failed: 0,
                latencies: Latencies::from_iter([(1_500, requests)]),
            },
            upstream_requests: requests / 10,
            processor_time: Duration::from_millis(500),
            ..Measurement::default()
        };
        memory.iter().for_each(|bytes| measurement.memory.push(bytes << 20));
        measurement
    }

    #[test]
    fn rates_are_compared_with_both_baselines() {
        let rates = SUBJECTS.iter().zip([1_000, 500, 2_000, 4_000]);
        let findings: Vec<_> = rates
            .map(|(subject, rate)| Findings {
                subject: *subject,
                with_misses: measurement(rate, 1, &[10, 11, 12]),
                hits_only: measurement(rate, 0, &[12, 12, 13]),
            })
            .collect();
        let report = Report { plan: Plan { seconds: 3, shows_logs: false }, findings: &findings, cores: 2 };
        let text = report.to_string();
        for line in [
            "| credwell serve, memory: | 1000 | 0.50 | 0.25 | 1.50 | 1.50 | 1 | 10.0 % | 500 |",
            "| credwell serve, redb: | 500 | 0.25 | 0.12 | 1.50 | 1.50 | 1 | 10.0 % | 1000 |",
            "| hello component | 2000 | 1.00 | 0.50 | 1.50 | 1.50 | 1 | – | 250 |",
            "| credwell serve, memory: | 10.0 | 12.0 | 12.0 | +20.0 % | 100 | 20972 | +8.3 % | no |",
            "Errors: 4. That is a failure; `--show-logs` shows the servers' reasons.",
        ] {
            assert!(text.lines().any(|found| found == line), "no {line} in {text}");
        }
        assert_eq!(report.errors(), 4);
    }
}
