//! The parts of the report about the soak and the flood.

use super::table;
use crate::samples::FLAT_PERCENT;
use crate::sections::flood::Flood;
use crate::sections::http::MISS_PERCENT;
use crate::sections::latency::OpenRound;
use crate::sections::soak::Soak;
use crate::stats::thousands;

const BYTES_PER_MEBIBYTE: f64 = (1 << 20) as f64;

pub(super) fn soak(soak: &Soak) -> String {
    let mebibytes = |bytes: u64| thousands(bytes as f64 / BYTES_PER_MEBIBYTE);
    let growth = soak.memory.growth_percent().map_or("–".to_owned(), |growth| format!("{growth:+.1} %"));
    let verdict = match soak.memory.is_flat() {
        Some(true) => "flat",
        Some(false) => "**not flat**",
        None => "not measured",
    };
    let full = match soak.is_full {
        true => "more than the store holds",
        false => "which the store still holds",
    };
    format!(
        "`credwell serve` with `memory:` for {} s at {} requests/s, which is half of its largest rate with misses. \
         {MISS_PERCENT} % of the requests are for new accounts, and the store drops the oldest ones: its limit is {} \
         MiB. {} accounts were fetched before the first sample, {full}, and {} during the soak.\n\n\
         The resident memory grew by {growth} from the mean of the first third of the samples to the mean of the last \
         third: {verdict}. Flat is a growth of at most {FLAT_PERCENT} %. The largest sample has {} MiB, the last one \
         {} MiB. {} requests failed. The latencies, of misses too: p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms.\n\n\
         ![Resident memory during the soak](benchmarks-soak.svg)\n",
        thousands(soak.seconds as f64),
        thousands(soak.rate),
        mebibytes(soak.store_bytes),
        thousands(soak.filled_accounts as f64),
        thousands(soak.fetched_accounts as f64),
        mebibytes(soak.memory.largest()),
        mebibytes(soak.memory.last()),
        thousands(soak.errors as f64),
        soak.latency.p50,
        soak.latency.p99,
        soak.latency.p999,
    )
}

pub(super) fn flood(flood: &Flood) -> String {
    let row = |name: String, round: &OpenRound, responses: Option<u64>| {
        vec![
            name,
            format!("{:.2}", round.p99 / flood.before.p99),
            format!("{:.2}", round.p50),
            format!("{:.2}", round.p99),
            round.errors.to_string(),
            responses.map_or("–".to_owned(), |responses| thousands(responses as f64)),
        ]
    };
    let mut rows = vec![row("Before".to_owned(), &flood.before, None)];
    for (rate, round, responses) in &flood.floods {
        rows.push(row(format!("During {} requests/s", thousands((*rate).into())), round, Some(*responses)));
    }
    rows.push(row("Afterwards".to_owned(), &flood.after, None));
    let head =
        ["Hits", "p99 × before", "p50 in ms", "p99 in ms", "Failed or unsent", "Responses to the flood"];
    format!(
        "`credwell serve` in pass-through mode with `memory:`. Hits come at {} requests/s from an open loop, half of \
         the largest rate. The flood asks for other accounts with API keys that the upstream refuses.\n\n{}",
        thousands(flood.rate),
        table(&head, rows)
    )
}
