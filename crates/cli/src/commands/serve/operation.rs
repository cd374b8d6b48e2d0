//! The audit log, the metrics and the log of a running server, for its operators.

use crate::cli_error::CliError;
use crate::settings::own::{AUDIT_LOG, LOG_FORMAT, LOG_LEVEL, METRICS_LISTEN, OwnSetting};
use crate::settings::{ProgramSettings, SettingsError};
use clap::Args;
use credwell_host::telemetry::{self, LogFormat, Telemetry, TelemetryOptions};
use credwell_host::{AuditLog, FingerprintKey, Listener, Metrics, MetricsListener};
use secrecy::ExposeSecret;
use std::net::SocketAddr;
use tracing::level_filters::LevelFilter;

/// The environment variable for the base URL of a collector, from the OpenTelemetry specification.
const OTLP_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

// No doc comment: clap would make it the text of the command.
#[derive(Args)]
#[command(next_help_heading = "Operation")]
pub(super) struct OperationArguments {
    #[arg(long, value_name = "FILE", env = AUDIT_LOG.variable, help = AUDIT_LOG.help_with_default())]
    audit_log: Option<String>,
    #[arg(long, value_name = "ADDRESS")]
    #[arg(env = METRICS_LISTEN.variable, help = METRICS_LISTEN.help_with_default())]
    metrics_listen: Option<String>,
    #[arg(long, value_name = "LEVEL", env = LOG_LEVEL.variable, help = LOG_LEVEL.help_with_default())]
    log_level: Option<String>,
    #[arg(long, value_name = "FORMAT", env = LOG_FORMAT.variable, help = LOG_FORMAT.help_with_default())]
    log_format: Option<String>,
}

/// The settings for operators, checked, and the running log.
pub(super) struct Operation {
    audit: Option<AuditLog>,
    metrics_address: Option<SocketAddr>,
    fingerprint_key: Option<FingerprintKey>,
    telemetry: Telemetry,
}

/// The tasks that run beside the server.
pub(super) struct Running {
    telemetry: Telemetry,
    metrics: Option<(MetricsListener, Metrics)>,
}

impl Operation {
    /// Reads the settings, opens the audit log, and starts the log with the export of spans.
    ///
    /// # Errors
    /// A setting is malformed, the audit log can't be opened, or the process can't export spans.
    pub(super) fn read(arguments: &OperationArguments, settings: &ProgramSettings) -> Result<Self, CliError> {
        let metrics_listen = settings.own(arguments.metrics_listen.as_deref(), &METRICS_LISTEN);
        let metrics_address = metrics_listen.map(|text| address(&METRICS_LISTEN, text)).transpose()?;
        let mut telemetry = export_options()?;
        telemetry.level = level(settings.own_or_default(arguments.log_level.as_deref(), &LOG_LEVEL))?;
        telemetry.format = format(settings.own_or_default(arguments.log_format.as_deref(), &LOG_FORMAT))?;
        let key = settings.fingerprint_key.as_ref();
        let audit = match settings.own_path(arguments.audit_log.as_deref(), &AUDIT_LOG) {
            Some(path) if path.file_name().is_some_and(|name| name == "-") => Some(AuditLog::to_stderr()),
            Some(path) => Some(AuditLog::to_file(path)?),
            None => None,
        };
        Ok(Self {
            audit,
            metrics_address,
            fingerprint_key: key.map(|key| FingerprintKey::new(key.expose_secret().as_bytes())),
            telemetry: telemetry::start(telemetry)?,
        })
    }

    /// Starts the listener for the metrics, and connects the server to it and to the audit log.
    ///
    /// # Errors
    /// The process can't listen on the address of the metrics.
    pub(super) async fn apply(self, mut listener: Listener) -> Result<(Listener, Running), CliError> {
        let metrics = match self.metrics_address {
            Some(address) => {
                let metrics = Metrics::new();
                let bound = MetricsListener::bind(address, metrics.clone()).await;
                Some((bound.map_err(|error| CliError::Listen { address, error })?, metrics))
            }
            None => None,
        };
        if let Some(audit) = self.audit {
            listener = listener.audit(audit);
        }
        if let Some(key) = self.fingerprint_key {
            listener = listener.fingerprint_key(key);
        }
        if let Some((_, metrics)) = &metrics {
            listener = listener.metrics(metrics.clone());
        }
        Ok((listener, Running { telemetry: self.telemetry, metrics }))
    }
}

impl Running {
    /// The address of the metrics. None if they are not served.
    pub(super) fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(|(listener, _)| listener.address())
    }

    /// Runs until the server has ended, and then exports the remaining spans.
    pub(super) async fn until(self, server: impl Future<Output = ()>) {
        match self.metrics {
            Some((listener, _)) => {
                // The metrics are served until the server has ended, so that they include its last requests.
                let metrics = tokio::spawn(listener.serve(std::future::pending()));
                server.await;
                metrics.abort();
            }
            None => server.await,
        }
        self.telemetry.shutdown().await;
    }
}

/// The value of a setting that takes an address to listen on.
pub(super) fn address(setting: &'static OwnSetting, text: String) -> Result<SocketAddr, SettingsError> {
    text.parse().map_err(|_| SettingsError::OwnValue { setting, value: text })
}

/// The options with the collector for spans, and defaults for the rest.
fn export_options() -> Result<TelemetryOptions, SettingsError> {
    let endpoint = std::env::var(OTLP_ENDPOINT).ok().filter(|url| !url.is_empty());
    #[cfg(feature = "opentelemetry")]
    return Ok(TelemetryOptions { otlp_endpoint: endpoint, ..TelemetryOptions::default() });
    #[cfg(not(feature = "opentelemetry"))]
    match endpoint {
        Some(_) => Err(SettingsError::NoOpenTelemetry),
        None => Ok(TelemetryOptions::default()),
    }
}

fn level(text: String) -> Result<LevelFilter, SettingsError> {
    let level = text.parse().ok().filter(|level| *level != LevelFilter::OFF);
    level.ok_or(SettingsError::OwnValue { setting: &LOG_LEVEL, value: text })
}

fn format(text: String) -> Result<LogFormat, SettingsError> {
    match text.as_str() {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(SettingsError::OwnValue { setting: &LOG_FORMAT, value: text }),
    }
}
