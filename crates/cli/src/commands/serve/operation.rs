//! What operators see of a running server: its audit log, its metrics and its log.

use crate::cli_error::CliError;
use crate::settings::{ProgramSettings, SettingsError};
use clap::Args;
use credwell_host::telemetry::{self, LogFormat, Telemetry, TelemetryOptions};
use credwell_host::{AuditLog, FingerprintKey, Listener, Metrics, MetricsListener};
use secrecy::ExposeSecret;
use std::net::SocketAddr;
use tracing::level_filters::LevelFilter;

/// The environment variable with a collector's base URL, of the OpenTelemetry specification.
const OTLP_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

// No doc comment: clap would make it the command's text.
#[derive(Args)]
#[command(next_help_heading = "Operation")]
pub(super) struct OperationArguments {
    /// Append who asked for which account to this file, one line of JSON each; - is the standard error. Where a line
    /// can't be written, no credential is given
    #[arg(long, value_name = "FILE", env = "CREDWELL_AUDIT_LOG")]
    audit_log: Option<String>,
    /// Serve the process's metrics for Prometheus on this address, to whoever reaches it
    #[arg(long, value_name = "ADDRESS", env = "CREDWELL_METRICS_LISTEN")]
    metrics_listen: Option<String>,
    /// Least severe events that the log has: error, warn, info, debug or trace [default: info]
    #[arg(long, value_name = "LEVEL", env = "CREDWELL_LOG_LEVEL")]
    log_level: Option<String>,
    /// Form of the log's lines: text or json [default: text]
    #[arg(long, value_name = "FORMAT", env = "CREDWELL_LOG_FORMAT")]
    log_format: Option<String>,
}

/// What was asked for, checked.
pub(super) struct Operation {
    audit: Option<AuditLog>,
    metrics_address: Option<SocketAddr>,
    fingerprint_key: Option<FingerprintKey>,
    telemetry: TelemetryOptions,
}

/// What runs beside the server.
pub(super) struct Running {
    telemetry: Telemetry,
    metrics: Option<(MetricsListener, Metrics)>,
}

impl Operation {
    /// Reads the settings, and opens the audit log.
    ///
    /// # Errors
    ///
    /// One of them is malformed, or the file can't be opened.
    pub(super) fn read(arguments: &OperationArguments, settings: &ProgramSettings) -> Result<Self, CliError> {
        let own = |option: &Option<String>, name| settings.own(option.as_deref(), name);
        let metrics_address = own(&arguments.metrics_listen, "metrics_listen").map(address).transpose()?;
        let telemetry = TelemetryOptions {
            level: own(&arguments.log_level, "log_level").map_or(Ok(LevelFilter::INFO), level)?,
            format: own(&arguments.log_format, "log_format").map_or(Ok(LogFormat::Text), format)?,
            #[cfg(feature = "opentelemetry")]
            otlp_endpoint: std::env::var(OTLP_ENDPOINT).ok().filter(|url| !url.is_empty()),
        };
        let key = settings.fingerprint_key.as_ref();
        let audit = match settings.own_path(arguments.audit_log.as_deref(), "audit_log") {
            Some(path) if path.file_name().is_some_and(|name| name == "-") => Some(AuditLog::to_stderr()),
            Some(path) => {
                let opened = AuditLog::to_file(&path);
                Some(opened.map_err(|error| CliError::AuditLog { path, error })?)
            }
            None => None,
        };
        Ok(Self {
            audit,
            metrics_address,
            fingerprint_key: key.map(|key| FingerprintKey::new(key.expose_secret().as_bytes())),
            telemetry,
        })
    }

    /// Gives the server what it writes to, and starts the log.
    ///
    /// # Errors
    ///
    /// The address of the metrics can't be listened on, or spans can't be exported.
    pub(super) async fn apply(self, mut listener: Listener) -> Result<(Listener, Running), CliError> {
        #[cfg(not(feature = "opentelemetry"))]
        if std::env::var_os(OTLP_ENDPOINT).is_some() {
            return Err(SettingsError::NoOpenTelemetry.into());
        }
        let telemetry = telemetry::start(self.telemetry)?;
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
        Ok((listener, Running { telemetry, metrics }))
    }
}

impl Running {
    /// Where the metrics are.
    pub(super) fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(|(listener, _)| listener.address())
    }

    /// Runs until the server has ended, and tells the rest of what is to be told.
    pub(super) async fn until(self, served: impl Future<Output = ()>) {
        match self.metrics {
            Some((listener, _)) => {
                // Dropped with the server: operators see its last requests.
                let metrics = tokio::spawn(listener.serve(std::future::pending()));
                served.await;
                metrics.abort();
            }
            None => served.await,
        }
        self.telemetry.shutdown().await;
    }
}

/// An address to listen on.
pub(super) fn address(text: String) -> Result<SocketAddr, SettingsError> {
    text.parse().map_err(|_| SettingsError::Address(text))
}

fn level(text: String) -> Result<LevelFilter, SettingsError> {
    text.parse().ok().filter(|level| *level != LevelFilter::OFF).ok_or(SettingsError::LogLevel(text))
}

fn format(text: String) -> Result<LogFormat, SettingsError> {
    match text.as_str() {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(SettingsError::LogFormat(text)),
    }
}
