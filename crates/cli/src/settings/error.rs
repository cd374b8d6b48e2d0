//! The errors of settings.

use super::own::OwnSetting;
use credwell_key_value::UrlError;
use std::path::PathBuf;

/// The end of a message that the component gives about a setting. The component knows full names only.
pub(crate) const HINT: &str = " (the setting credwell_name is CREDWELL_NAME in the environment, and name in \
                               the table [component] of the configuration file; `credwell --help` lists all)";

/// An error of the settings. A text repeats a value only if the setting is never a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// The configuration file can't be read.
    #[error("can't read the configuration file {}: {error}", path.display())]
    FileUnreadable {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        error: std::io::Error,
    },
    /// The configuration file is not TOML.
    #[error("line {line} of {} is not valid TOML; text belongs in quotes", path.display())]
    FileSyntax {
        /// The file.
        path: PathBuf,
        /// The number of the line. The first line is 1.
        line: usize,
    },
    /// The configuration file sets an unknown name.
    #[error("{} sets {name:?}, which is not a setting; `credwell --help` lists all settings", path.display())]
    FileUnknown {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// The configuration file has a value of the wrong type.
    #[error("{}: {name} takes {expected}", path.display())]
    FileValue {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
        /// What the setting takes.
        expected: &'static str,
    },
    /// The configuration file contains a secret.
    #[error(
        "{}: {name} is a secret, which the configuration file must not contain: put it into a file of its \
         own with the mode 0600, and set {name}_file to the path of that file",
        path.display()
    )]
    FileSecret {
        /// The file.
        path: PathBuf,
        /// The name.
        name: &'static str,
    },
    /// The value of an environment variable is not Unicode.
    #[error("{0} is not Unicode text")]
    NotUnicode(String),
    /// A secret is set in two ways.
    #[error("set one of {one} and {other}, not both")]
    Both {
        /// One of the two names.
        one: String,
        /// The other name.
        other: String,
    },
    /// The file of a secret can't be read.
    #[error("{setting}: can't read {}: {error}", path.display())]
    SecretUnreadable {
        /// The setting that names the file.
        setting: String,
        /// The file.
        path: PathBuf,
        /// The error of the system.
        error: std::io::Error,
    },
    /// The file of a secret is empty.
    #[error("{setting}: {} is empty", path.display())]
    SecretMissing {
        /// The setting that names the file.
        setting: String,
        /// The file.
        path: PathBuf,
    },
    /// The value of one of the program's own settings is malformed. The setting is not a secret.
    #[error("{} takes {}, not {value:?}", setting.name, setting.expected)]
    OwnValue {
        /// The setting.
        setting: &'static OwnSetting,
        /// The value.
        value: String,
    },
    /// A collector for spans is set, but the program was built without the export of spans.
    #[cfg(not(feature = "opentelemetry"))]
    #[error(
        "OTEL_EXPORTER_OTLP_ENDPOINT is set, but this program was built without the feature opentelemetry"
    )]
    NoOpenTelemetry,
    /// The argument of `--set` has no `=`.
    #[error("--set takes NAME=VALUE, for example --set refresh_window_seconds=90")]
    SetForm,
    /// The argument of `--set` has an unknown name.
    #[error("--set: {name:?} is not a setting of the component; `credwell --help` lists all settings")]
    SetUnknown {
        /// The name.
        name: String,
    },
    /// The argument of `--set` contains a secret.
    #[error(
        "--set: {name} is a secret, and every user of this machine can read the options of a process: \
         replace the secret now, and set {variable} or {variable}_FILE in the environment",
        variable = name.to_ascii_uppercase()
    )]
    SetSecret {
        /// The full name.
        name: &'static str,
    },
    /// The URL of `--store` contains a user or a password.
    #[error(
        "--store contains a user or a password, and every user of this machine can read the options of a \
         process: put the URL into CREDWELL_STORE_URL, or into the file that CREDWELL_STORE_URL_FILE names"
    )]
    StoreOptionSecret,
    /// The URL of the store in the configuration file contains a user or a password.
    #[error(
        "store in the configuration file contains a user or a password: put the URL into a file of its own \
         with the mode 0600, and set store_file to the path of that file"
    )]
    StoreFileSecret,
    /// The store's URL is malformed.
    #[error(transparent)]
    StoreUrl(UrlError),
    /// The environment names no folder for the store.
    #[error("no folder for the cache: set --store, XDG_STATE_HOME or HOME")]
    NoStateFolder,
    /// The cache outlives the process and would be unencrypted.
    #[error(
        "the cache outlives the process, so it needs an encryption key: run `(umask 077; credwell key > \
         FILE)`, and set CREDWELL_ENCRYPTION_KEYS_FILE to FILE. A cache with --store memory: needs no key"
    )]
    NoEncryptionKeys,
    /// Neither an API key nor an OAuth client is set.
    #[error(
        "no API key is set: set CREDWELL_API_KEY_FILE to the path of a file that contains the key, or set \
         CREDWELL_API_KEY. `credwell demo` needs no key"
    )]
    NoApiKey,
    /// The component refuses a setting. Its message does not repeat the value.
    #[error("{0}{HINT}")]
    Component(String),
}
