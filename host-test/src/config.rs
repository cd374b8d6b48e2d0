//! `wasi:config`: what the component is configured with.

use crate::bindings::generated::wasi::{config0_2_0_draft_2024_09_27, config0_2_0_rc_1};
use crate::lock;
use crate::state::State;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Names and values, in the order of the names. Clones share them, so that a test can change the
/// configuration between two calls.
#[derive(Clone, Default)]
pub struct Configuration(Arc<Mutex<Contents>>);

#[derive(Default)]
struct Contents {
    values: BTreeMap<String, String>,
    failure: Option<ConfigurationFailure>,
}

/// How reading the configuration fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigurationFailure {
    /// The source that the host reads from failed, in its words.
    Upstream(String),
    /// Reading failed, in the host's words.
    Io(String),
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
    pub fn fail(&self, failure: ConfigurationFailure) {
        lock(&self.0).failure = Some(failure);
    }

    /// Ends the failures.
    pub fn recover(&self) {
        lock(&self.0).failure = None;
    }

    fn read(&self) -> Result<Vec<(String, String)>, ConfigurationFailure> {
        let contents = lock(&self.0);
        match &contents.failure {
            Some(failure) => Err(failure.clone()),
            None => Ok(contents.values.clone().into_iter().collect()),
        }
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

// The drafts agree on what the component uses, but each has types of its own.
macro_rules! serve {
    ($draft:ident) => {
        impl $draft::store::Host for State {
            async fn get_all(
                &mut self,
            ) -> wasmtime::Result<Result<Vec<(String, String)>, $draft::store::Error>> {
                Ok(self.configuration.read().map_err(|failure| match failure {
                    ConfigurationFailure::Upstream(text) => $draft::store::Error::Upstream(text),
                    ConfigurationFailure::Io(text) => $draft::store::Error::Io(text),
                }))
            }
        }
    };
}

serve!(config0_2_0_rc_1);
serve!(config0_2_0_draft_2024_09_27);
