//! ProgramSettings: from options, then from the environment, then from the configuration file.

mod environment;
mod error;
mod file;
pub(crate) mod names;
mod secret_file;

pub(crate) use environment::Environment;
pub(crate) use error::{HINT, SettingsError};

use crate::arguments::{SettingArguments, environment_names};
use credwell_core::configuration::settings::{self, Description};
use credwell_key_value::StoreUrl;
use file::{Entry, File};
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::PathBuf;

/// What is set. Values of the component's settings are in a type that isn't printed.
pub(crate) struct ProgramSettings {
    values: BTreeMap<&'static str, SecretString>,
    /// None: nothing says where the cache is.
    pub store: Option<StoreUrl>,
    /// Where a persistent cache is that nothing else is said about. None: there is no home folder.
    pub default_store: Option<PathBuf>,
    /// The file of certificates to trust.
    pub ca_file: Option<PathBuf>,
    /// The key of fingerprints in the audit log.
    pub fingerprint_key: Option<SecretString>,
    file: File,
    /// What is suspicious.
    pub warnings: Vec<String>,
}

impl ProgramSettings {
    /// Reads every source.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with one of them.
    pub(crate) fn read(
        arguments: &SettingArguments,
        environment: &Environment,
    ) -> Result<Self, SettingsError> {
        let mut warnings = environment.unknown(&environment_names());
        let file = match given(arguments.config.as_deref()) {
            Some(path) => File::read(path.into())?,
            None => environment.default_file().map_or_else(|| Ok(File::default()), File::read_if_there)?,
        };
        let options = options(&arguments.set)?;
        let mut values = BTreeMap::new();
        for name in settings::ALL {
            let value = match options.get(name.setting.name) {
                Some(value) => Some(SecretString::from(*value)),
                None => value(name, environment, &file, &mut warnings)?,
            };
            // An empty value counts as not set, as it does for the component.
            if let Some(value) = value.filter(|value| !value.expose_secret().is_empty()) {
                values.insert(name.setting.name, value);
            }
        }
        let store = store(arguments, environment, &file, &mut warnings)?;
        let ca_file = given(arguments.ca_file.as_deref()).map(PathBuf::from);
        let ca_file = ca_file.or_else(|| file.path_of("ca_file"));
        let default_store = environment.default_store();
        let fingerprint_key = match environment.secret(names::FINGERPRINT_VARIABLE, &mut warnings)? {
            Some(key) => Some(key),
            None => file
                .path_of("fingerprint_key_file")
                .map(|path| secret_file::read("fingerprint_key_file", &path, &mut warnings))
                .transpose()?,
        };
        Ok(Self { values, store, default_store, ca_file, fingerprint_key, file, warnings })
    }

    /// Whether nothing is set that is the component's.
    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value of one of the component's settings.
    pub(crate) fn value(&self, full_name: &str) -> Option<&str> {
        self.values.get(full_name).map(SecretString::expose_secret)
    }

    /// Sets one of the component's settings.
    pub(crate) fn set(&mut self, full_name: &'static str, value: String) {
        self.values.insert(full_name, SecretString::from(value));
    }

    /// All of the component's settings.
    pub(crate) fn into_values(self) -> BTreeMap<&'static str, SecretString> {
        self.values
    }

    /// One of the program's own settings, from an option or from the file. An empty one counts as not set.
    pub(crate) fn own(&self, option: Option<&str>, name: &str) -> Option<String> {
        option.filter(|text| !text.is_empty()).map(str::to_owned).or_else(|| self.file.text_of(name))
    }

    /// The same for the name of a file, which in the file is relative to that one's folder.
    pub(crate) fn own_path(&self, option: Option<&str>, name: &str) -> Option<PathBuf> {
        option.filter(|text| !text.is_empty()).map(PathBuf::from).or_else(|| self.file.path_of(name))
    }
}

fn given(text: Option<&OsStr>) -> Option<&OsStr> {
    text.filter(|text| !text.is_empty())
}

/// The options `--set`.
fn options(set: &[String]) -> Result<BTreeMap<&'static str, &str>, SettingsError> {
    let option = |text: &'_ String| {
        let (name, _) = text.split_once('=').ok_or(SettingsError::SetForm)?;
        let known =
            settings::find(name).ok_or_else(|| SettingsError::SetUnknown { name: name.to_owned() })?;
        if known.is_secret {
            Err(SettingsError::SetSecret { name: known.setting.name })
        } else {
            Ok(known.setting.name)
        }
    };
    let values = set.iter().map(|text| Ok((option(text)?, text.split_once('=').unwrap_or_default().1)));
    values.collect()
}

/// A setting of the component, from the environment or from the file.
fn value(
    name: &Description,
    environment: &Environment,
    file: &File,
    warnings: &mut Vec<String>,
) -> Result<Option<SecretString>, SettingsError> {
    let variable = names::variable(name);
    let found = match name.is_secret {
        true => environment.secret(&variable, warnings)?,
        false => environment.text(&variable)?.map(SecretString::from),
    };
    match (found, file.component.get(name.setting.name)) {
        (Some(value), _) => Ok(Some(value)),
        (None, Some(Entry::Text(text))) => Ok(Some(SecretString::from(text.as_str()))),
        (None, Some(Entry::SecretFile(path))) => {
            let setting = format!("{}_file", name.short_name());
            secret_file::read(&setting, path, warnings).map(Some)
        }
        (None, None) => Ok(None),
    }
}

/// Where the cache is. A password in it can only come from the environment, or from a file.
fn store(
    arguments: &SettingArguments,
    environment: &Environment,
    file: &File,
    warnings: &mut Vec<String>,
) -> Result<Option<StoreUrl>, SettingsError> {
    let parse = |text: &str| text.parse::<StoreUrl>().map_err(SettingsError::StoreUrl);
    let option = arguments.store.as_deref().filter(|text| !text.is_empty());
    if let Some(text) = option {
        let url = parse(text)?;
        return if url.has_user() { Err(SettingsError::StoreOptionSecret) } else { Ok(Some(url)) };
    }
    if let Some(text) = environment.secret(names::STORE_VARIABLE, warnings)? {
        return parse(text.expose_secret()).map(Some);
    }
    match (file.text_of("store"), file.path_of("store_file")) {
        (Some(_), Some(_)) => {
            Err(SettingsError::Both { one: "store".to_owned(), other: "store_file".to_owned() })
        }
        (Some(text), None) => {
            let url = parse(&text)?;
            if url.has_user() { Err(SettingsError::StoreFileSecret) } else { Ok(Some(url)) }
        }
        (None, Some(path)) => {
            parse(secret_file::read("store_file", &path, warnings)?.expose_secret()).map(Some)
        }
        (None, None) => Ok(None),
    }
}

#[cfg(test)]
mod tests;
