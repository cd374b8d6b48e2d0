//! `wasi:config/store`, in either draft.

use super::Wasi;
use super::bindings::config::get_all;
use crate::ports::{Settings, SettingsError};
use crate::secret::SecretString;

impl Settings for Wasi {
    async fn all(&self) -> Result<Vec<(String, SecretString)>, SettingsError> {
        let settings = get_all().map_err(|_| SettingsError)?;
        Ok(settings.into_iter().map(|(name, value)| (name, value.into())).collect())
    }
}
