//! The parts of the report about the servers under load: their rates and latencies.

use super::{shown, table};
use crate::load::{CONNECTIONS, WARM_ACCOUNTS};
use crate::measurement::Rounds;
use crate::run::WORKER_THREADS;
use crate::sections::http::{Http, HttpServer, MISS_PERCENT};
use crate::sections::latency::{self, Latency, LatencyServer, OpenRound};
use crate::stats::{Spread, thousands};
use crate::subject::Subject;
use crate::upstream::{BODY_BYTES, LATENCY};

pub(super) fn rates(http: &Http) -> String {
    let accounts = WARM_ACCOUNTS.count;
    let mut text = format!(
        "wrk with {CONNECTIONS} connections, the servers and the upstream share the machine. Each server has \
         {WORKER_THREADS} worker threads. A round takes {} s. An account has {BODY_BYTES} bytes, and the upstream \
         responds after {} ms. All servers write one line for each request, which is thrown away.\n\n\
         ![Rates with hits only and with misses](benchmarks-rates.svg)\n\n### Hits only\n\n\
         Each request is for one of {accounts} cached accounts.\n\n",
        http.round_seconds,
        LATENCY.as_millis(),
    );
    text += &kind(http, |server| &server.hits);
    text += &format!(
        "\n### With {MISS_PERCENT} % misses\n\n{MISS_PERCENT} % of the requests are for an account that nobody has \
         asked for before.\n\n"
    );
    text += &kind(http, |server| &server.misses);
    text += "\nThe native proxy is axum, moka and reqwest. It checks tokens, collapses concurrent misses and knows the \
             expiry of accounts, as the broker does. The one that seals encrypts its cache with XChaCha20-Poly1305 and \
             opens an entry for each hit, with the account as associated data. nginx caches in files that the system \
             keeps in memory. It checks the token and collapses concurrent misses. It does not know the expiry of an \
             account, does not refresh ahead of it, does not encrypt, and compares tokens in a time that depends on \
             them. Only the broker wipes credentials.\n";
    for (subject, reason) in &http.skipped {
        let reason = reason.replace(['\n', '|'], " ");
        text += &format!("\nLeft out: {} ({reason}).\n", subject.name());
    }
    text
}

fn kind(http: &Http, rounds: fn(&HttpServer) -> &Rounds) -> String {
    let of = |subject| http.of(subject).map(rounds);
    let rows = http.servers.iter().map(|server| {
        let measured = rounds(server);
        let ratio = |subject| shown(of(subject).and_then(|other| measured.ratio(other)));
        let misses = match server.subject.is_proxy() {
            true => format!("{:.1} %", measured.miss_percent()),
            false => "–".to_owned(),
        };
        vec![
            server.subject.name().to_owned(),
            ratio(Subject::NativeSealed),
            ratio(Subject::Native),
            ratio(Subject::Hello),
            thousands(measured.rate()),
            format!("{:.0}", measured.spread(|round| round.cost).median),
            format!("{:.2} ms", measured.spread(|round| round.p50).median),
            format!("{:.2} ms", measured.spread(|round| round.p99).median),
            misses,
            measured.errors().to_string(),
        ]
    });
    let head = [
        "Server",
        "× native that seals",
        "× native",
        "× component that does nothing",
        "Requests/s",
        "Processor µs/request",
        "p50",
        "p99",
        "Misses",
        "Errors",
    ];
    table(&head, rows)
}

pub(super) fn latencies(measured: &Latency) -> String {
    let connections = latency::CONNECTIONS;
    let mut text = format!(
        "Hits from an open loop with {connections} connections: each request has a time at which it is due, and its \
         latency counts from there. So a pause of the server delays all requests that were due in it, and the \
         percentiles are free of coordinated omission. The load comes from the same machine: the latencies have its \
         scheduling in them.\n\n\
         ![Percentiles at half load](benchmarks-latency.svg)\n\n\
         ### Each server at half of its own largest rate\n\n"
    );
    text += &rounds(measured, |server| &server.own);
    text += &format!(
        "\n### All servers at {} requests/s\n\nThis is half of the largest rate of `memory:`. A server is left out if \
         it is more than three quarters of its own.\n\n",
        thousands(measured.same_rate)
    );
    text += &rounds(measured, |server| &server.same);
    text
}

fn rounds(measured: &Latency, select: fn(&LatencyServer) -> &[OpenRound]) -> String {
    let native = measured.of(Subject::Native).map(select).unwrap_or_default();
    let p99 = |rounds: &[OpenRound]| latency::each(rounds, |round| round.p99);
    let servers = measured.servers.iter().filter(|server| !select(server).is_empty());
    let rows = servers.map(|server| {
        let rounds = select(server);
        let milliseconds = |figure| format!("{:.2}", latency::spread(rounds, figure));
        vec![
            server.subject.name().to_owned(),
            shown(Spread::of_ratios(&p99(rounds), &p99(native))),
            thousands(latency::spread(rounds, |round| round.rate).median),
            milliseconds(|round| round.p50),
            milliseconds(|round| round.p99),
            milliseconds(|round| round.p999),
            rounds.iter().map(|round| round.errors).sum::<u64>().to_string(),
        ]
    });
    let head =
        ["Server", "p99 × native", "Requests/s", "p50 in ms", "p99 in ms", "p99.9 in ms", "Failed or unsent"];
    table(&head, rows)
}
