//! `wasi:config` as a test sets it.

use crate::lock;
use async_trait::async_trait;
use credwell_host::{ConfigurationError, ConfigurationSource};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Names and values, in the order of the names. Clones share them, so that a test can change the
/// configuration between two calls.
#[derive(Clone, Default)]
pub struct Configuration(Arc<Mutex<Contents>>);

#[derive(Default)]
struct Contents {
    values: BTreeMap<String, String>,
    failure: Option<ConfigurationError>,
}

impl Configuration {
    /// An empty configuration.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `name` to `value`, in place of any value that it had.
    pub fn set(&self, name: impl Into<String>, value: impl Into<String>) {
        lock(&self.0).values.insert(name.into(), value.into());
    }

    /// The value of `name`, if it has one.
    pub fn get(&self, name: &str) -> Option<String> {
        lock(&self.0).values.get(name).cloned()
    }

    /// Removes `name`, and says whether it was there.
    pub fn remove(&self, name: &str) -> bool {
        lock(&self.0).values.remove(name).is_some()
    }

    /// Makes every reading fail, until [`Configuration::recover`].
    pub fn fail(&self, failure: ConfigurationError) {
        lock(&self.0).failure = Some(failure);
    }

    /// Ends the failures.
    pub fn recover(&self) {
        lock(&self.0).failure = None;
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
        match &contents.failure {
            Some(failure) => Err(failure.clone()),
            None => Ok(contents.values.clone().into_iter().collect()),
        }
    }
}
