//! The metrics of one host process. The broker has other metrics: it counts outcomes, over all instances and
//! machines.

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

/// The upper bounds of the histogram buckets for callers' requests and for outgoing requests, in seconds.
const REQUEST_BOUNDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// The upper bounds of the histogram buckets for key-value operations, in seconds.
const KEY_VALUE_BOUNDS: [f64; 10] = [0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.25, 1.0];

/// The metrics of a host process. Clones share their counts.
///
/// No label contains an account, a path or a token, so callers can't create new time series.
///
/// | Name | Labels | Meaning |
/// |---|---|---|
/// | `credwell_host_build_info` | `version` | the running version |
/// | `credwell_host_request_duration_seconds` | `status` | callers' requests, by class of status (`2xx`) |
/// | `credwell_host_requests_in_flight` | | requests without a response yet |
/// | `credwell_host_requests_waiting` | | requests that wait for the upstream or have waited |
/// | `credwell_host_requests_refused_total` | `reason` | responses 503 of the host |
/// | `credwell_host_connections` | | open connections of callers |
/// | `credwell_host_connections_closed_total` | `reason` | connections that the host closed: `stalled`, `replaced`, `too-many` |
/// | `credwell_host_instances_started_total` | | instances started, each for many requests |
/// | `credwell_host_instances_failed_total` | | requests whose instance gave no complete response |
/// | `credwell_host_key_value_duration_seconds` | `operation`, `outcome` | operations of the store |
/// | `credwell_host_outgoing_request_duration_seconds` | `outcome` | requests to the upstream |
#[derive(Clone)]
pub struct Metrics(Arc<Families>);

struct Families {
    registry: Registry,
    requests: Histograms<1>,
    in_flight: Gauge,
    waiting: Gauge,
    refused: Counters<1>,
    connections: Gauge,
    connections_closed: Counters<1>,
    instances_started: Counter,
    instances_failed: Counter,
    key_value: Histograms<2>,
    outgoing: Histograms<1>,
}

/// The names and values of labels.
type Labels<const COUNT: usize> = [(&'static str, &'static str); COUNT];
type Counters<const COUNT: usize> = Family<Labels<COUNT>, Counter>;
type Histograms<const COUNT: usize> = Family<Labels<COUNT>, Histogram, fn() -> Histogram>;

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Creates metrics that start at zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("credwell_host");
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The running version", build);
        let requests: Histograms<1> = Family::new_with_constructor(|| Histogram::new(REQUEST_BOUNDS));
        let help = "Durations of callers' requests until the response, by class of status";
        registry.register("request_duration_seconds", help, requests.clone());
        let in_flight = Gauge::default();
        registry.register("requests_in_flight", "Requests without a response yet", in_flight.clone());
        let waiting = Gauge::default();
        let help = "Requests that wait for the upstream or have waited";
        registry.register("requests_waiting", help, waiting.clone());
        let refused = Counters::default();
        registry.register(
            "requests_refused",
            "Requests answered 503 by the host, by reason",
            refused.clone(),
        );
        let connections = Gauge::default();
        registry.register("connections", "Open connections of callers", connections.clone());
        let connections_closed = Counters::default();
        let help = "Connections that the host closed for the sake of others, by reason";
        registry.register("connections_closed", help, connections_closed.clone());
        let instances_started = Counter::default();
        registry.register("instances_started", "Instances started for requests", instances_started.clone());
        let instances_failed = Counter::default();
        let help = "Instances that did not start, or ended without a response";
        registry.register("instances_failed", help, instances_failed.clone());
        let key_value: Histograms<2> = Family::new_with_constructor(|| Histogram::new(KEY_VALUE_BOUNDS));
        let help = "Durations of operations of the key-value store";
        registry.register("key_value_duration_seconds", help, key_value.clone());
        let outgoing: Histograms<1> = Family::new_with_constructor(|| Histogram::new(REQUEST_BOUNDS));
        let help = "Durations of requests to the upstream until the head of the response";
        registry.register("outgoing_request_duration_seconds", help, outgoing.clone());
        Self(Arc::new(Families {
            registry,
            requests,
            in_flight,
            waiting,
            refused,
            connections,
            connections_closed,
            instances_started,
            instances_failed,
            key_value,
            outgoing,
        }))
    }

    /// The metrics in the text format of OpenMetrics 1.0.
    pub fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.0.registry).expect("writing to a text doesn't fail");
        text
    }

    pub(crate) fn responded(&self, status: http::StatusCode, duration: Duration) {
        let labels = [("status", class(status))];
        self.0.requests.get_or_create(&labels).observe(duration.as_secs_f64());
    }

    /// Counts a request as in flight until the guard is dropped.
    pub(crate) fn request_in_flight(&self) -> GaugeGuard {
        GaugeGuard::new(self.0.in_flight.clone())
    }

    /// Counts a request as waiting until the guard is dropped.
    pub(crate) fn request_waiting(&self) -> GaugeGuard {
        GaugeGuard::new(self.0.waiting.clone())
    }

    pub(crate) fn connection_closed(&self, reason: &'static str) {
        self.0.connections_closed.get_or_create(&[("reason", reason)]).inc();
    }

    /// Counts a connection as open until the guard is dropped.
    pub(crate) fn open_connection(&self) -> GaugeGuard {
        GaugeGuard::new(self.0.connections.clone())
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

/// An increment of a gauge, which the drop undoes.
pub(crate) struct GaugeGuard(Gauge);

impl GaugeGuard {
    fn new(gauge: Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The class of a status code, such as `2xx` (RFC 9110, section 15).
pub(crate) fn class(status: http::StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}
