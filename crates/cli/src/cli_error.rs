//! The errors that end a command.

use crate::exit_status::ExitStatus;
use crate::settings::SettingsError;
use credwell_host::telemetry::TelemetryError;
use credwell_host::{AuditError, BrokerError, CallError, CertificateError, LoadError};
use credwell_key_value::OpenError;
use std::net::SocketAddr;
use std::path::PathBuf;

/// An error that ends a command. No text contains a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// A setting is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The PEM file contains no usable certificates.
    #[error("the certificates in {} can't be used: {error}", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// The error of the certificates.
        error: CertificateError,
    },
    /// The PEM file can't be read.
    #[error("can't read the certificates in {}: {error}", path.display())]
    CertificatesUnreadable {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        error: std::io::Error,
    },
    /// `--field` has more than one account.
    #[error("--field takes one account: use --json for several accounts")]
    FieldOfSeveral,
    /// The rejected token can't be read.
    #[error("can't read the rejected token from {}: {error}", path.display())]
    RejectedUnreadable {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        error: std::io::Error,
    },
    /// The file of the rejected token is empty.
    #[error("{} contains no rejected token", .0.display())]
    RejectedMissing(PathBuf),
    /// The account has no such field.
    #[error("{account_id} has no field {field:?}; its fields are {}", known.join(", "))]
    NoField {
        /// The account.
        account_id: String,
        /// The name of `--field`.
        field: String,
        /// The names of the account's fields.
        known: Vec<String>,
    },
    /// Another process has the file of the store open.
    #[error(
        "{} is open in another process, most likely in `credwell serve`: send requests to that server, or \
         set a store that processes can share, redis:// or nats://",
        .0.display()
    )]
    StoreInUse(PathBuf),
    /// The store can't be opened.
    #[error(transparent)]
    Store(OpenError),
    /// The folder of the store can't be created.
    #[error("can't create the folder {}: {error}", path.display())]
    StoreFolder {
        /// The folder.
        path: PathBuf,
        /// The error of the system.
        error: std::io::Error,
    },
    /// The program was built before the component.
    #[error(
        "this program was built without the component: run `cargo xtask build`, then build the program again"
    )]
    NoComponent,
    /// The component can't be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The broker gave no response when its settings were checked.
    #[error("the broker failed the check of its settings: {0}")]
    Broker(#[from] BrokerError),
    /// The broker gave an unexpected response when its settings were checked.
    #[error("the broker failed the check of its settings: {0}")]
    BrokerResponse(String),
    /// The component failed a call that checks its settings.
    #[error(transparent)]
    Call(CallError),
    /// The server can't listen on the address.
    #[error("can't listen on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The error of the system.
        error: std::io::Error,
    },
    /// The audit log can't be opened.
    #[error(transparent)]
    AuditLog(#[from] AuditError),
    /// The log or the export of spans can't start.
    #[error("can't start the log: {0}")]
    Telemetry(#[from] TelemetryError),
    /// The system has no random numbers.
    #[error("can't read random numbers from the system: {0}")]
    Entropy(#[from] getrandom::Error),
    /// Another error of the system.
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
    /// The exit status of the program.
    pub(crate) fn status(&self) -> ExitStatus {
        match self {
            Self::Settings(_)
            | Self::Certificates { .. }
            | Self::CertificatesUnreadable { .. }
            | Self::AuditLog(_)
            | Self::FieldOfSeveral
            | Self::RejectedUnreadable { .. }
            | Self::RejectedMissing(_) => ExitStatus::ChangeRequest,
            Self::Call(error) => ExitStatus::of(error),
            Self::NoField { .. } => ExitStatus::ChangeAccount,
            Self::Store(OpenError::Unreachable { .. }) => ExitStatus::RetryLater,
            Self::Store(
                OpenError::NotBuilt(_)
                | OpenError::Refused(_)
                | OpenError::NoFolder(_)
                | OpenError::OpenToOthers(_),
            ) => ExitStatus::ChangeRequest,
            Self::StoreInUse(_)
            | Self::Store(_)
            | Self::StoreFolder { .. }
            | Self::NoComponent
            | Self::Load(_)
            | Self::Broker(_)
            | Self::BrokerResponse(_)
            | Self::Listen { .. }
            | Self::Telemetry(_)
            | Self::Entropy(_)
            | Self::System(_) => ExitStatus::Failed,
        }
    }
}
