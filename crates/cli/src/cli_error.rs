//! Why a command gave up.

use crate::exit_status::ExitStatus;
use crate::settings::SettingsError;
use credwell_host::telemetry::TelemetryError;
use credwell_host::{BrokerError, CallError, CertificateError, LoadError};
use credwell_key_value::OpenError;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a command gave up. No text holds a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// A setting is wrong.
    #[error(transparent)]
    ProgramSettings(#[from] SettingsError),
    /// The file with certificates is of no use.
    #[error("the certificates in {} can't be used: {error}", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: CertificateError,
    },
    /// That file can't be read.
    #[error("can't read the certificates in {}: {error}", path.display())]
    CertificatesUnreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        error: std::io::Error,
    },
    /// A field is asked for of more than one account.
    #[error("--field takes one account, since nothing would tell several answers apart: use --json for them")]
    FieldOfSeveral,
    /// The rejected token can't be read.
    #[error("can't read the rejected token from {}: {error}", path.display())]
    RejectedUnreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        error: std::io::Error,
    },
    /// There is no rejected token in the file.
    #[error("{} holds no rejected token", .0.display())]
    RejectedMissing(PathBuf),
    /// The account has no such field.
    #[error("{account_id} has no field {field:?}; it has {}", known.join(", "))]
    NoField {
        /// The account.
        account_id: String,
        /// What was asked for.
        field: String,
        /// What could be.
        known: Vec<String>,
    },
    /// Another process has the store's file open.
    #[error(
        "{} is in use, most likely by `credwell serve`: ask that over HTTP, or let both share redis:// or nats://",
        .0.display()
    )]
    StoreInUse(PathBuf),
    /// The store can't be opened.
    #[error(transparent)]
    Store(OpenError),
    /// The folder of the store's file can't be made.
    #[error("can't make the folder {}: {error}", path.display())]
    StoreFolder {
        /// The folder.
        path: PathBuf,
        /// The system's words.
        error: std::io::Error,
    },
    /// The component can't be run.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The broker ended without an answer when its settings were checked.
    #[error("the broker doesn't run: {0}")]
    Broker(#[from] BrokerError),
    /// The broker's answer to that was none.
    #[error("the broker doesn't run: {0}")]
    BrokerAnswer(String),
    /// The component refuses a call that isn't for an account of the caller's.
    #[error(transparent)]
    Call(CallError),
    /// The address can't be listened on.
    #[error("can't listen on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's words.
        error: std::io::Error,
    },
    /// The audit log can't be written to.
    #[error("can't write the audit log {}: {error}", path.display())]
    AuditLog {
        /// The file.
        path: PathBuf,
        /// The system's words.
        error: std::io::Error,
    },
    /// The server's log, or the export of its spans, doesn't start.
    #[error("the log doesn't start: {0}")]
    Telemetry(#[from] TelemetryError),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Entropy(#[from] getrandom::Error),
    /// The system refuses something else.
    #[error("{0}")]
    System(#[from] std::io::Error),
}

impl From<OpenError> for CliError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::InUse(path) => Self::StoreInUse(path),
            error => Self::Store(error),
        }
    }
}

impl CliError {
    /// What the program ends with.
    pub(crate) fn status(&self) -> ExitStatus {
        match self {
            Self::ProgramSettings(_)
            | Self::Certificates { .. }
            | Self::CertificatesUnreadable { .. }
            | Self::AuditLog { .. }
            | Self::FieldOfSeveral
            | Self::RejectedUnreadable { .. }
            | Self::RejectedMissing(_) => ExitStatus::Misused,
            Self::Call(error) => ExitStatus::of(error),
            Self::NoField { .. } => ExitStatus::Refused,
            Self::Store(OpenError::Unreachable { .. }) => ExitStatus::Later,
            Self::Store(OpenError::Refused(_) | OpenError::NoFolder(_) | OpenError::OpenToOthers(_)) => {
                ExitStatus::Misused
            }
            Self::StoreInUse(_)
            | Self::Store(_)
            | Self::StoreFolder { .. }
            | Self::Load(_)
            | Self::Broker(_)
            | Self::BrokerAnswer(_)
            | Self::Listen { .. }
            | Self::Telemetry(_)
            | Self::Entropy(_)
            | Self::System(_) => ExitStatus::Failed,
        }
    }
}
