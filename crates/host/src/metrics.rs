//! What the host counts of itself. The broker counts what came of requests, over all instances and machines; this is
//! about one process.

mod listener;

pub use listener::MetricsListener;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use std::sync::Arc;
use std::time::Duration;

/// The upper bounds of the buckets of requests, of callers and to the upstream, in seconds.
const REQUEST_BOUNDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// The upper bounds of the buckets of key-value operations, in seconds.
const KEY_VALUE_BOUNDS: [f64; 10] = [0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.25, 1.0];

/// The metrics of a host's process. Clones count together.
///
/// No label depends on what a caller sends: there is no account, no path and no token among them.
#[derive(Clone)]
pub struct Metrics(Arc<Families>);

struct Families {
    registry: Registry,
    requests: Histograms<1>,
    in_flight: Gauge,
    refused: Counters<1>,
    connections: Gauge,
    instances_started: Counter,
    instances_failed: Counter,
    key_value: Histograms<2>,
    outgoing: Histograms<1>,
}

/// Labels and their values.
type Labels<const COUNT: usize> = [(&'static str, &'static str); COUNT];
type Counters<const COUNT: usize> = Family<Labels<COUNT>, Counter>;
type Histograms<const COUNT: usize> = Family<Labels<COUNT>, Histogram, fn() -> Histogram>;

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Metrics that begin at zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("credwell_host");
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The running version", build);
        let requests: Histograms<1> = Family::new_with_constructor(|| Histogram::new(REQUEST_BOUNDS));
        let help = "How long callers waited for their answers, by class of status";
        registry.register("request_duration_seconds", help, requests.clone());
        let in_flight = Gauge::default();
        registry.register("requests_in_flight", "Requests without an answer yet", in_flight.clone());
        let refused = Counters::default();
        registry.register(
            "requests_refused",
            "Requests answered 503 by the host, by reason",
            refused.clone(),
        );
        let connections = Gauge::default();
        registry.register("connections", "Open connections of callers", connections.clone());
        let instances_started = Counter::default();
        registry.register("instances_started", "Instances started to answer", instances_started.clone());
        let instances_failed = Counter::default();
        let help = "Instances that did not start, or ended without an answer";
        registry.register("instances_failed", help, instances_failed.clone());
        let key_value: Histograms<2> = Family::new_with_constructor(|| Histogram::new(KEY_VALUE_BOUNDS));
        let help = "How long operations of the key-value store took";
        registry.register("key_value_duration_seconds", help, key_value.clone());
        let outgoing: Histograms<1> = Family::new_with_constructor(|| Histogram::new(REQUEST_BOUNDS));
        let help = "How long requests to the upstream took, until the head of the answer";
        registry.register("outgoing_request_duration_seconds", help, outgoing.clone());
        Self(Arc::new(Families {
            registry,
            requests,
            in_flight,
            refused,
            connections,
            instances_started,
            instances_failed,
            key_value,
            outgoing,
        }))
    }

    /// All of them in the text format of OpenMetrics 1.0.
    pub fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.0.registry).expect("writing to a text doesn't fail");
        text
    }

    pub(crate) fn answered(&self, status: http::StatusCode, duration: Duration) {
        let labels = [("status", class(status))];
        self.0.requests.get_or_create(&labels).observe(duration.as_secs_f64());
    }

    /// Counts a request as under way until what this returns is dropped.
    pub(crate) fn request(&self) -> Counted {
        Counted::new(self.0.in_flight.clone())
    }

    /// Counts a connection as open until what this returns is dropped.
    pub(crate) fn connection(&self) -> Counted {
        Counted::new(self.0.connections.clone())
    }

    pub(crate) fn refused(&self, reason: &'static str) {
        self.0.refused.get_or_create(&[("reason", reason)]).inc();
    }

    pub(crate) fn instance_started(&self) {
        self.0.instances_started.inc();
    }

    pub(crate) fn instance_failed(&self) {
        self.0.instances_failed.inc();
    }

    pub(crate) fn key_value(&self, operation: &'static str, outcome: &'static str, duration: Duration) {
        let labels = [("operation", operation), ("outcome", outcome)];
        self.0.key_value.get_or_create(&labels).observe(duration.as_secs_f64());
    }

    pub(crate) fn outgoing(&self, outcome: &'static str, duration: Duration) {
        self.0.outgoing.get_or_create(&[("outcome", outcome)]).observe(duration.as_secs_f64());
    }
}

/// Something that is under way.
pub(crate) struct Counted(Gauge);

impl Counted {
    fn new(gauge: Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The class of a status, such as `2xx` (RFC 9110, section 15).
pub(crate) fn class(status: http::StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}
