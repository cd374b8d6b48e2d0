//! The telemetry of a host process: events on the standard error and, with the feature `opentelemetry`, the
//! export of spans to a collector.
//!
//! | Span | Fields |
//! |---|---|
//! | `request` | `method`, `route`, `request_id`, `account`, `status`, `outcome` |
//! | `key-value` | `operation`, `outcome` |
//! | `upstream` | `host`, `method`, `outcome` |
//!
//! The spans `key-value` have the level DEBUG, and the others INFO. A collector gets all of them.
//!
//! `route` is a template, and `account` is a [fingerprint](crate::FingerprintKey). No span and no event of
//! this crate contains a path, a key, a value or a header other than the request id.

#[cfg(feature = "opentelemetry")]
mod export;

use tracing::level_filters::LevelFilter;
use tracing::{Span, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// The prefix of the `tracing` targets of this workspace's crates.
const OWN_TARGETS: &str = "credwell";

/// The format of the lines on the standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Text for people.
    #[default]
    Text,
    /// One JSON object for each line.
    Json,
}

/// The options of [`start`].
#[derive(Clone, Debug)]
pub struct TelemetryOptions {
    /// The format of the lines on the standard error.
    pub format: LogFormat,
    /// The least severe level on the standard error, for the events of crates whose names start with
    /// `credwell`. The events of other crates are written from warnings on at most, because they can contain
    /// headers.
    pub level: LevelFilter,
    /// The base URL of a collector that accepts OTLP over HTTP, such as `http://localhost:4318`. The standard
    /// variable `OTEL_EXPORTER_OTLP_ENDPOINT` has the same format. Spans are sent to `/v1/traces` below the
    /// URL. `None` exports no spans.
    #[cfg(feature = "opentelemetry")]
    pub otlp_endpoint: Option<String>,
}

impl Default for TelemetryOptions {
    /// Text, from [`LevelFilter::INFO`] on, and no export.
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            level: LevelFilter::INFO,
            #[cfg(feature = "opentelemetry")]
            otlp_endpoint: None,
        }
    }
}

/// The error of [`start`].
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The process has a `tracing` subscriber already.
    #[error("the process has telemetry already")]
    Started(#[from] TryInitError),
    /// The collector's URL or an environment variable `OTEL_EXPORTER_OTLP_…` is malformed.
    #[cfg(feature = "opentelemetry")]
    #[error("spans can't be exported")]
    Export(#[from] opentelemetry_otlp::ExporterBuildError),
    /// The collector's URL has the scheme https, and the system's certificates can't be read.
    #[cfg(feature = "opentelemetry")]
    #[error("the system's certificates can't be read")]
    Certificates(#[source] std::io::Error),
}

/// The running telemetry of this process.
#[must_use = "without a shutdown the last spans are not exported"]
pub struct Telemetry {
    #[cfg(feature = "opentelemetry")]
    provider: Option<opentelemetry_sdk::trace::SdkTracerProvider>,
}

impl Telemetry {
    /// Exports the spans that have ended, and then stops the export. Events are still written.
    pub async fn shutdown(self) {
        #[cfg(feature = "opentelemetry")]
        if let Some(provider) = self.provider {
            export::shutdown(provider).await;
        }
    }
}

/// Starts telemetry for the whole process. With a collector, the function has to run in tokio's runtime.
///
/// # Errors
///
/// See [`TelemetryError`].
pub fn start(options: TelemetryOptions) -> Result<Telemetry, TelemetryError> {
    #[cfg(feature = "opentelemetry")]
    {
        let provider = options.otlp_endpoint.as_deref().map(export::provider).transpose()?;
        let spans = provider
            .as_ref()
            .map(|provider| export::layer(provider).with_filter(own_targets(LevelFilter::DEBUG)));
        tracing_subscriber::registry().with(spans).with(lines(&options)).try_init()?;
        Ok(Telemetry { provider })
    }
    #[cfg(not(feature = "opentelemetry"))]
    {
        tracing_subscriber::registry().with(lines(&options)).try_init()?;
        Ok(Telemetry {})
    }
}

/// The layer that writes events to the standard error.
fn lines<Inner: Subscriber + for<'a> LookupSpan<'a>>(
    options: &TelemetryOptions,
) -> impl Layer<Inner> + use<Inner> {
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let lines = match options.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().with_span_list(false).boxed(),
    };
    lines.with_filter(own_targets(options.level).with_default(options.level.min(LevelFilter::WARN)))
}

/// A filter that passes the spans and events of this workspace's crates, from a level on.
fn own_targets(level: LevelFilter) -> Targets {
    Targets::new().with_target(OWN_TARGETS, level)
}

/// Makes a span part of the caller's trace, if the request has the header `traceparent` (W3C Trace Context).
pub(crate) fn continue_trace(span: &Span, headers: &http::HeaderMap) {
    #[cfg(feature = "opentelemetry")]
    export::continue_trace(span, headers);
    #[cfg(not(feature = "opentelemetry"))]
    let _ = (span, headers);
}
