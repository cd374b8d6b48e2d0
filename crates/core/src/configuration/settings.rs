//! The settings that the host gives, taken one by one by name.
//!
//! All names begin with `credwell_`: components that are composed share one `wasi:config`, and a name of
//! ours must not be another's. Within the prefix every name has to be known, so that a typing error in an
//! optional name is an error and not a silent default.

use crate::configuration::ConfigurationError;
use crate::ports;
use crate::secret::{ExposeSecret, SecretString};
use core::time::Duration;

/// What all names of this component begin with.
pub const PREFIX: &str = "credwell_";

/// The settings under our prefix that nobody has taken yet.
pub struct RawSettings(Vec<(String, SecretString)>);

impl RawSettings {
    /// Reads them from the host.
    pub async fn read(host: &impl ports::SettingsSource) -> Result<Self, ConfigurationError> {
        let mut all = host.all().await?;
        all.retain(|(name, _)| name.starts_with(PREFIX));
        Ok(Self(all))
    }

    /// The text of `name`, none if it is not set.
    pub fn take_even_if_empty(&mut self, name: &'static str) -> Option<SecretString> {
        let position = self.0.iter().position(|(set, _)| set == name)?;
        Some(self.0.swap_remove(position).1)
    }

    /// The text of `name`, none if it is not set or empty. Hosts whose settings must have a default give
    /// an empty text for one that is meant to be absent.
    pub fn take_secret(&mut self, name: &'static str) -> Option<SecretString> {
        self.take_even_if_empty(name).filter(|text| !text.expose_secret().is_empty())
    }

    /// The same for a setting that is no secret.
    pub fn take(&mut self, name: &'static str) -> Option<String> {
        Some(self.take_secret(name)?.expose_secret().to_owned())
    }

    /// `true` or `false`; false if it is not set.
    pub fn take_flag(&mut self, name: &'static str) -> Result<bool, ConfigurationError> {
        match self.take(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(ConfigurationError::Malformed { name, expected: "true or false" }),
        }
    }

    /// A whole number within `range`; none if it is not set. `expected` says the range in words.
    pub fn take_number(
        &mut self,
        name: &'static str,
        range: core::ops::RangeInclusive<u64>,
        expected: &'static str,
    ) -> Result<Option<u64>, ConfigurationError> {
        let Some(text) = self.take(name) else { return Ok(None) };
        match text.parse() {
            // FromStr takes a sign, which no setting needs.
            Ok(number) if range.contains(&number) && !text.starts_with('+') => Ok(Some(number)),
            _ => Err(ConfigurationError::Malformed { name, expected }),
        }
    }

    /// Seconds, at most a year; none if it is not set.
    pub fn take_seconds(&mut self, name: &'static str) -> Result<Option<Duration>, ConfigurationError> {
        let expected = "a whole number of seconds from 0 to 31536000";
        Ok(self.take_number(name, 0..=31_536_000, expected)?.map(Duration::from_secs))
    }

    /// Milliseconds, at least one and at most ten minutes; none if it is not set.
    pub fn take_milliseconds(&mut self, name: &'static str) -> Result<Option<Duration>, ConfigurationError> {
        let expected = "a whole number of milliseconds from 1 to 600000";
        Ok(self.take_number(name, 1..=600_000, expected)?.map(Duration::from_millis))
    }

    /// Refuses whatever is left.
    pub fn finish(self) -> Result<(), ConfigurationError> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((name, _)) => Err(ConfigurationError::Unknown { name }),
        }
    }
}
