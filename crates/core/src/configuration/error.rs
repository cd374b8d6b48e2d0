//! What can be wrong with the configuration.

use crate::ports::SettingsError;

/// What is wrong with the configuration. It names the setting and never repeats its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigurationError {
    /// A setting is needed and not set.
    #[error("{name} is not set: {expected}")]
    Missing {
        /// The setting.
        name: &'static str,
        /// What to set it to.
        expected: &'static str,
    },
    /// A setting has a value that it can't have.
    #[error("{name} is malformed: it takes {expected}")]
    Malformed {
        /// The setting.
        name: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// A setting is set that the others leave no use for.
    #[error("{name} is set but not used: {expected}")]
    Unused {
        /// The setting.
        name: &'static str,
        /// What to do about it.
        expected: &'static str,
    },
    /// There is no setting of this name.
    #[error("{name} is no setting of this component: correct or remove it")]
    Unknown {
        /// The name that was set.
        name: String,
    },
    /// The host could not read its configuration.
    #[error(transparent)]
    Unreadable(#[from] SettingsError),
}
