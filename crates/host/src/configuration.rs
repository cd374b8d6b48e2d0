//! `wasi:config`: what a component is configured with.

use crate::bindings::host::wasi::{config0_2_0_draft_2024_09_27, config0_2_0_rc_1};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::fmt;
use wasmtime::component::HasData;

/// Where a component's configuration comes from. It is read anew in each call, so what changes here takes effect
/// at the next one.
#[async_trait]
pub trait ConfigurationSource: Send + Sync {
    /// Every name and its value.
    ///
    /// # Errors
    ///
    /// The configuration can't be read.
    async fn all(&self) -> Result<Vec<(String, String)>, ConfigurationError>;

    /// The value of a name, if it has one.
    ///
    /// # Errors
    ///
    /// As for [`ConfigurationSource::all`].
    async fn value(&self, name: &str) -> Result<Option<String>, ConfigurationError> {
        let all = self.all().await?;
        Ok(all.into_iter().find_map(|(known, value)| (known == name).then_some(value)))
    }
}

/// Why the configuration could not be read. The component is told the text, and shows it to nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigurationError {
    /// What the host reads it from failed.
    #[error("the source of the configuration failed: {0}")]
    Upstream(String),
    /// Reading failed.
    #[error("reading the configuration failed: {0}")]
    Io(String),
}

/// A configuration that stays as it is. Its values are secrets, among others, so `Debug` shows the names alone.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct FixedConfiguration(BTreeMap<String, String>);

impl<Name: Into<String>, Value: Into<String>> FromIterator<(Name, Value)> for FixedConfiguration {
    fn from_iter<Values: IntoIterator<Item = (Name, Value)>>(values: Values) -> Self {
        Self(values.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl fmt::Debug for FixedConfiguration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

#[async_trait]
impl ConfigurationSource for FixedConfiguration {
    async fn all(&self) -> Result<Vec<(String, String)>, ConfigurationError> {
        Ok(self.0.clone().into_iter().collect())
    }
}

/// A store's data that has a configuration, for [`crate::link::configuration`].
pub trait ConfigurationView: Send {
    /// The configuration of the component that runs in this store.
    fn configuration(&mut self) -> &dyn ConfigurationSource;
}

pub(crate) struct ConfigurationInterface;

impl HasData for ConfigurationInterface {
    type Data<'a> = &'a dyn ConfigurationSource;
}

// The drafts agree in everything but their types.
macro_rules! serve {
    ($draft:ident) => {
        impl $draft::store::Host for &dyn ConfigurationSource {
            async fn get(&mut self, name: String) -> Result<Option<String>, ConfigurationError> {
                self.value(&name).await
            }

            async fn get_all(&mut self) -> Result<Vec<(String, String)>, ConfigurationError> {
                self.all().await
            }

            fn convert_error(&mut self, error: ConfigurationError) -> wasmtime::Result<$draft::store::Error> {
                Ok(match error {
                    ConfigurationError::Upstream(text) => $draft::store::Error::Upstream(text),
                    ConfigurationError::Io(text) => $draft::store::Error::Io(text),
                })
            }
        }
    };
}

serve!(config0_2_0_rc_1);
serve!(config0_2_0_draft_2024_09_27);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_fixed_configuration_gives_its_values_and_shows_none() {
        let configuration = FixedConfiguration::from_iter([("credwell_api_key", "secret")]);
        assert_eq!(configuration.value("credwell_api_key").await, Ok(Some("secret".to_owned())));
        assert_eq!(configuration.value("credwell_bucket").await, Ok(None));
        assert_eq!(format!("{configuration:?}"), r#"{"credwell_api_key"}"#);
    }
}
