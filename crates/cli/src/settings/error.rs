//! What can be wrong with the settings.

use credwell_key_value::UrlError;
use std::path::PathBuf;

/// What a component's message about a setting leaves open.
pub(crate) const HINT: &str = " (credwell_name is CREDWELL_NAME in the environment, and name in the table [component] of \
                        the configuration file; `credwell --help` lists all)";

/// What is wrong with the settings. No text holds a value, since that could be a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// The configuration file can't be read.
    #[error("can't read the configuration file {}: {error}", path.display())]
    FileUnreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        error: std::io::Error,
    },
    /// It is no TOML.
    #[error("line {line} of {} is not valid TOML; text belongs in quotes", path.display())]
    FileSyntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1 on.
        line: usize,
    },
    /// It has a name that there isn't.
    #[error("{} sets {name:?}, which is no setting; `credwell --help` lists them", path.display())]
    FileUnknown {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// It has a value of the wrong kind.
    #[error("{}: {name} takes {expected}", path.display())]
    FileValue {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
        /// What it takes.
        expected: &'static str,
    },
    /// It has a secret in it.
    #[error(
        "{}: {name} is a secret, which the configuration file must not hold: put it into a file of its own, of mode \
         0600, and set {name}_file to that file's name",
        path.display()
    )]
    FileSecret {
        /// The file.
        path: PathBuf,
        /// The name.
        name: &'static str,
    },
    /// A variable is no text.
    #[error("{0} is no Unicode text")]
    NotUnicode(String),
    /// A secret is given in two ways.
    #[error("set one of {one} and {other}, not both")]
    Both {
        /// The one.
        one: String,
        /// The other.
        other: String,
    },
    /// A secret's file can't be read.
    #[error("{setting}: can't read {}: {error}", path.display())]
    SecretUnreadable {
        /// The setting that names the file.
        setting: String,
        /// The file.
        path: PathBuf,
        /// The system's words.
        error: std::io::Error,
    },
    /// A secret's file is empty.
    #[error("{setting}: {} is empty", path.display())]
    SecretMissing {
        /// The setting that names the file.
        setting: String,
        /// The file.
        path: PathBuf,
    },
    /// The log has no such level.
    #[error("{0:?} is no level of the log: error, warn, info, debug or trace")]
    LogLevel(String),
    /// The log has no such form.
    #[error("{0:?} is no form of the log: text or json")]
    LogFormat(String),
    /// A collector is set, and the program can't export to it.
    #[cfg(not(feature = "opentelemetry"))]
    #[error(
        "OTEL_EXPORTER_OTLP_ENDPOINT is set, but this program was built without the feature opentelemetry"
    )]
    NoOpenTelemetry,
    /// `--set` without a value.
    #[error("--set takes NAME=VALUE, for example --set refresh_window_seconds=90")]
    SetForm,
    /// `--set` of a name that there isn't.
    #[error("--set: {name:?} is no setting of the component; `credwell --help` lists them")]
    SetUnknown {
        /// The name.
        name: String,
    },
    /// `--set` of a secret.
    #[error(
        "--set: {name} is a secret, and every user of the machine sees the options of its processes: replace it \
         now, and set {variable} or {variable}_FILE in the environment",
        variable = name.to_ascii_uppercase()
    )]
    SetSecret {
        /// The full name.
        name: &'static str,
    },
    /// `--store` with a password.
    #[error(
        "--store holds a user or a password, and every user of the machine sees the options of its processes: put \
         the URL into CREDWELL_STORE_URL, or into the file that CREDWELL_STORE_URL_FILE names"
    )]
    StoreOptionSecret,
    /// A store with a password in the configuration file.
    #[error(
        "the configuration file's store holds a user or a password: put the URL into a file of its own, of mode \
         0600, and set store_file to that file's name"
    )]
    StoreFileSecret,
    /// The store's URL is malformed.
    #[error(transparent)]
    StoreUrl(UrlError),
    /// There is no folder for the store.
    #[error("neither XDG_STATE_HOME nor HOME says where the cache could be: set --store")]
    NoStateFolder,
    /// A persistent store would be unencrypted.
    #[error(
        "the cache outlives the process, so it needs an encryption key: run `(umask 077; credwell key > FILE)`, and set \
         CREDWELL_ENCRYPTION_KEYS_FILE to FILE. Or take --store memory:"
    )]
    NoEncryptionKeys,
    /// There is nothing to ask the upstream with.
    #[error(
        "there is no API key: set CREDWELL_API_KEY_FILE to the name of a file that holds it, or CREDWELL_API_KEY. \
         `credwell demo` needs none"
    )]
    NoApiKey,
    /// The address to listen on is malformed.
    #[error("{0:?} is no address like 127.0.0.1:8080 or [::1]:8080")]
    Address(String),
    /// The concurrency limit is not in its range.
    #[error("the concurrency limit goes from 1 to {0}")]
    ConcurrencyLimit(u32),
    /// The component refuses its settings; it doesn't repeat their values.
    #[error("{0}{HINT}")]
    Component(String),
}
