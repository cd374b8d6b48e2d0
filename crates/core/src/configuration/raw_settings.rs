//! The raw settings: the texts that the host gives, from which the parser takes one after the other.
//!
//! Within the prefix of this component every name must be known. So a typing error in an optional name is an
//! error and not a silent default.

use super::settings::{PREFIX, Setting};
use crate::configuration::ConfigurationError;
use crate::ports;
use crate::secret::{ExposeSecret, SecretString};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

/// The settings of this component that the parser has not taken yet.
#[derive(Clone, Debug)]
pub struct RawSettings(Vec<(String, SecretString)>);

/// Both sides are texts of the host, so the time of the comparison tells a caller nothing.
impl PartialEq for RawSettings {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self.0.iter().zip(&other.0).all(|((name, value), (other_name, other_value))| {
                name == other_name && value.expose_secret() == other_value.expose_secret()
            })
    }
}

impl FromIterator<(String, SecretString)> for RawSettings {
    fn from_iter<Pairs: IntoIterator<Item = (String, SecretString)>>(pairs: Pairs) -> Self {
        Self(pairs.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect())
    }
}

impl RawSettings {
    /// Reads the settings of the host, without those of other components.
    ///
    /// # Errors
    /// The host can't read its configuration.
    pub async fn read(host: &impl ports::SettingsSource) -> Result<Self, ConfigurationError> {
        Ok(host.all().await?.into_iter().collect())
    }

    /// The text of a setting, which can be empty. None if the host does not set it.
    pub fn take_even_if_empty(&mut self, setting: Setting) -> Option<SecretString> {
        let position = self.0.iter().position(|(set, _)| set == setting.name)?;
        Some(self.0.swap_remove(position).1)
    }

    /// The text of a setting. None if the host does not set it or sets an empty text: hosts whose settings
    /// must have a default give an empty text for a setting that is absent.
    pub fn take_secret(&mut self, setting: Setting) -> Option<SecretString> {
        self.take_even_if_empty(setting).filter(|text| !text.expose_secret().is_empty())
    }

    /// As [`take_secret`](Self::take_secret), for a setting that is no secret.
    pub fn take(&mut self, setting: Setting) -> Option<String> {
        Some(self.take_secret(setting)?.expose_secret().to_owned())
    }

    /// The value of a flag, or the setting's default.
    ///
    /// # Errors
    /// The text is neither `true` nor `false`.
    pub fn take_flag(&mut self, setting: Setting) -> Result<bool, ConfigurationError> {
        match self.take(setting).as_deref().or(setting.default) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(setting.malformed()),
        }
    }

    /// The number that is set. None if none is set.
    ///
    /// # Errors
    /// The text is not a whole number in the setting's range.
    pub fn take_number(&mut self, setting: Setting) -> Result<Option<u64>, ConfigurationError> {
        let Some(text) = self.take(setting) else { return Ok(None) };
        number(setting, &text).ok_or(setting.malformed()).map(Some)
    }

    /// The number that is set, or the setting's default.
    ///
    /// # Errors
    /// As for [`take_number`](Self::take_number).
    pub fn take_number_or_default(&mut self, setting: Setting) -> Result<u64, ConfigurationError> {
        Ok(self.take_number(setting)?.unwrap_or_else(|| setting.default_number()))
    }

    /// The seconds that are set, or the setting's default.
    ///
    /// # Errors
    /// As for [`take_number`](Self::take_number).
    pub fn take_seconds(&mut self, setting: Setting) -> Result<Duration, ConfigurationError> {
        self.take_number_or_default(setting).map(Duration::from_secs)
    }

    /// The milliseconds that are set, or the setting's default.
    ///
    /// # Errors
    /// As for [`take_number`](Self::take_number).
    pub fn take_milliseconds(&mut self, setting: Setting) -> Result<Duration, ConfigurationError> {
        self.take_number_or_default(setting).map(Duration::from_millis)
    }

    /// Ends the parsing.
    ///
    /// # Errors
    /// A setting is left, so no component knows its name.
    pub fn finish(self) -> Result<(), ConfigurationError> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((name, _)) => Err(ConfigurationError::Unknown { name }),
        }
    }
}

impl Setting {
    /// The default of a setting that takes a number. The tests of the table check that it is in the range.
    pub fn default_number(self) -> u64 {
        self.default.and_then(|text| number(self, text)).unwrap_or_default()
    }

    /// The error that the setting is needed and not set.
    pub fn missing(self) -> ConfigurationError {
        ConfigurationError::Missing { name: self.name, expected: self.expected }
    }

    /// The error that the setting has a value that it can't have.
    pub fn malformed(self) -> ConfigurationError {
        ConfigurationError::Malformed { name: self.name, expected: self.expected }
    }

    /// The error that the setting is set, and that other settings make it useless. `advice` says what to
    /// change.
    pub fn unused(self, advice: &'static str) -> ConfigurationError {
        ConfigurationError::Unused { name: self.name, expected: advice }
    }
}

fn number(setting: Setting, text: &str) -> Option<u64> {
    let (least, greatest) = setting.range;
    // FromStr takes a sign, which no setting needs.
    let number = text.parse().ok().filter(|_| !text.starts_with('+'))?;
    (least..=greatest).contains(&number).then_some(number)
}
