//! The configuration of a test: an implementation of `wasi:config` that the test sets.

use crate::lock;
use async_trait::async_trait;
use credwell_host::{ConfigurationError, ConfigurationSource};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Setting names and their values, in the order of the names. Clones share the values, so a test can change
/// the configuration between two calls.
#[derive(Clone, Default)]
pub struct Configuration(Arc<Mutex<Contents>>);

#[derive(Default)]
struct Contents {
    values: BTreeMap<String, String>,
    error: Option<ConfigurationError>,
}

impl Configuration {
    /// Creates an empty configuration.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `name` to `value`, and replaces an earlier value.
    pub fn set(&self, name: impl Into<String>, value: impl Into<String>) {
        lock(&self.0).values.insert(name.into(), value.into());
    }

    /// The value of `name`, or `None` if it is not set.
    pub fn get(&self, name: &str) -> Option<String> {
        lock(&self.0).values.get(name).cloned()
    }

    /// Removes `name`. Returns whether it was set.
    pub fn remove(&self, name: &str) -> bool {
        lock(&self.0).values.remove(name).is_some()
    }

    /// Makes every read fail with this error, until [`Configuration::recover`].
    pub fn fail(&self, error: ConfigurationError) {
        lock(&self.0).error = Some(error);
    }

    /// Ends the effect of [`Configuration::fail`].
    pub fn recover(&self) {
        lock(&self.0).error = None;
    }
}

impl<Name: Into<String>, Value: Into<String>> FromIterator<(Name, Value)> for Configuration {
    fn from_iter<Values: IntoIterator<Item = (Name, Value)>>(values: Values) -> Self {
        let configuration = Self::new();
        for (name, value) in values {
            configuration.set(name, value);
        }
        configuration
    }
}

#[async_trait]
impl ConfigurationSource for Configuration {
    async fn all(&self) -> Result<Vec<(String, String)>, ConfigurationError> {
        let contents = lock(&self.0);
        match &contents.error {
            Some(error) => Err(error.clone()),
            None => Ok(contents.values.clone().into_iter().collect()),
        }
    }
}
