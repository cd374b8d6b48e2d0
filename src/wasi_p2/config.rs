//! The port `SettingsSource` over `wasi:config/store`, in either draft.

use super::Wasi;
use super::bindings::config::get_all;
use alloc::string::String;
use alloc::vec::Vec;
use credwell_core::ports::{SettingsError, SettingsSource};
use credwell_core::secret::SecretString;

impl SettingsSource for Wasi {
    async fn all(&self) -> Result<Vec<(String, SecretString)>, SettingsError> {
        let settings = get_all().map_err(|_| SettingsError)?;
        Ok(settings.into_iter().map(|(name, value)| (name, value.into())).collect())
    }
}
