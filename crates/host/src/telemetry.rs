//! What the host tells of its work while it runs: events on the standard error and, with the feature `opentelemetry`,
//! spans to a collector.
//!
//! | Span | Fields |
//! |---|---|
//! | `request` | `method`, `route` (a template), `request_id`, `account` (a [fingerprint](crate::FingerprintKey)), `status`, `outcome` |
//! | `key-value` | `operation`, `outcome` |
//! | `upstream` | `host`, `method`, `outcome` |
//!
//! No header, path, key or value is in a span or an event of this crate.

#[cfg(feature = "opentelemetry")]
mod export;

use tracing::level_filters::LevelFilter;
use tracing::{Span, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// The beginning of the targets of this crate's spans and events, and of the program's.
const OWN: &str = "credwell";

/// The form of the lines on the standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object of JSON each.
    Json,
}

/// What is told, and where.
#[derive(Clone, Debug)]
pub struct TelemetryOptions {
    /// The form of the lines on the standard error.
    pub format: LogFormat,
    /// The least severe events of this crate and of `credwell` that are told there. Those of other crates are told from
    /// warnings on, whatever is set here: theirs can hold headers.
    pub level: LevelFilter,
    /// The base URL of a collector that takes OTLP over HTTP, such as `http://localhost:4318`: what
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` has. Spans go to `/v1/traces` below it. None exports nothing.
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

/// Why telemetry doesn't start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The process has a subscriber of `tracing` already.
    #[error("the process has telemetry already")]
    Started(#[from] TryInitError),
    /// The collector's URL is malformed, or a variable `OTEL_EXPORTER_OTLP_…` is.
    #[cfg(feature = "opentelemetry")]
    #[error("spans can't be exported")]
    Export(#[from] opentelemetry_otlp::ExporterBuildError),
    /// The system's certificates, for a collector behind https, can't be read.
    #[cfg(feature = "opentelemetry")]
    #[error("the system's certificates can't be read")]
    Certificates(#[source] std::io::Error),
}

/// Running telemetry.
#[must_use = "without a shutdown the last spans are not exported"]
pub struct Telemetry {
    #[cfg(feature = "opentelemetry")]
    provider: Option<opentelemetry_sdk::trace::SdkTracerProvider>,
}

impl Telemetry {
    /// Exports the spans that have ended, and then no more. Events are told as before.
    pub async fn shutdown(self) {
        #[cfg(feature = "opentelemetry")]
        if let Some(provider) = self.provider {
            export::shutdown(provider).await;
        }
    }
}

/// Begins to tell, for the whole process. With a collector it has to be called in tokio's runtime.
///
/// # Errors
///
/// See [`TelemetryError`].
pub fn start(options: TelemetryOptions) -> Result<Telemetry, TelemetryError> {
    #[cfg(feature = "opentelemetry")]
    {
        let provider = options.otlp_endpoint.as_deref().map(export::provider).transpose()?;
        let spans =
            provider.as_ref().map(|provider| export::layer(provider).with_filter(own(LevelFilter::INFO)));
        tracing_subscriber::registry().with(spans).with(lines(&options)).try_init()?;
        Ok(Telemetry { provider })
    }
    #[cfg(not(feature = "opentelemetry"))]
    {
        tracing_subscriber::registry().with(lines(&options)).try_init()?;
        Ok(Telemetry {})
    }
}

fn lines<Inner: Subscriber + for<'a> LookupSpan<'a>>(
    options: &TelemetryOptions,
) -> impl Layer<Inner> + use<Inner> {
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let lines = match options.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().with_span_list(false).boxed(),
    };
    lines.with_filter(own(options.level).with_default(options.level.min(LevelFilter::WARN)))
}

/// This crate's spans and events, and the program's.
fn own(level: LevelFilter) -> Targets {
    Targets::new().with_target(OWN, level)
}

/// Makes a span a part of its caller's trace, if `traceparent` tells of one (W3C Trace Context).
pub(crate) fn continue_trace(span: &Span, headers: &http::HeaderMap) {
    #[cfg(feature = "opentelemetry")]
    export::continue_trace(span, headers);
    #[cfg(not(feature = "opentelemetry"))]
    let _ = (span, headers);
}
