//! The host's `wasi:config`: the settings of a component.

use crate::bindings::host::wasi::{config0_2_0_draft_2024_09_27, config0_2_0_rc_1};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::fmt;
use wasmtime::component::HasData;

/// The source of a component's settings. A component reads the settings in each call, so a change takes
/// effect at the next call.
#[async_trait]
pub trait ConfigurationSource: Send + Sync {
    /// All settings, as names and values.
    ///
    /// # Errors
    ///
    /// The configuration can't be read.
    async fn all(&self) -> Result<Vec<(String, String)>, ConfigurationError>;

    /// The value of one setting, or `None` if it is not set.
    ///
    /// # Errors
    ///
    /// As for [`ConfigurationSource::all`].
    async fn value(&self, name: &str) -> Result<Option<String>, ConfigurationError> {
        let all = self.all().await?;
        Ok(all.into_iter().find_map(|(known, value)| (known == name).then_some(value)))
    }
}

/// The error of a [`ConfigurationSource`]. The component gets the text and shows it to no caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigurationError {
    /// The system failed from which the host reads the configuration.
    #[error("the source of the configuration failed: {0}")]
    Upstream(String),
    /// An input or output operation failed.
    #[error("reading the configuration failed: {0}")]
    Io(String),
}

/// A configuration that never changes. Some of the values are secrets, so `Debug` shows only the names.
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
        Ok(self.0.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
    }
}

/// The view that [`crate::link::configuration`] needs of the data in a wasmtime store.
pub trait ConfigurationView: Send {
    /// The configuration of the component that runs in this wasmtime store.
    fn configuration(&mut self) -> &dyn ConfigurationSource;
}

/// The type that tells wasmtime how to get from a store's data to a [`ConfigurationSource`].
pub(crate) struct ConfigurationInterface;

impl HasData for ConfigurationInterface {
    type Data<'a> = &'a dyn ConfigurationSource;
}

// The drafts agree in all functions, but the generated types of each draft are distinct.
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
