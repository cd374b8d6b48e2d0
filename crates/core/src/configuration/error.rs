//! The configuration error: the setting that is wrong, and what to change.

use crate::ports::SettingsError;
use alloc::string::String;

/// The setting that is wrong. The text names the setting and never repeats its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigurationError {
    /// A required setting is not set.
    #[error("{name} is not set: {expected}")]
    Missing {
        /// The setting.
        name: &'static str,
        /// The values that the setting takes.
        expected: &'static str,
    },
    /// A setting has a value that it does not take.
    #[error("{name} is malformed: it takes {expected}")]
    Malformed {
        /// The setting.
        name: &'static str,
        /// The values that the setting takes.
        expected: &'static str,
    },
    /// A setting is set that the other settings make useless.
    #[error("{name} is set but not used: {expected}")]
    Unused {
        /// The setting.
        name: &'static str,
        /// What to change.
        expected: &'static str,
    },
    /// There is no setting of this name.
    #[error("{name} is not a setting of this component: correct or remove it")]
    Unknown {
        /// The name that was set.
        name: String,
    },
    /// The host could not read its configuration.
    #[error(transparent)]
    Unreadable(#[from] SettingsError),
}
