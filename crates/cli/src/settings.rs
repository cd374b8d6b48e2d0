//! The settings, from the options, then from the environment, then from the configuration file.

mod environment;
mod error;
mod file;
pub(crate) mod names;
pub(crate) mod own;
mod secret_file;

pub(crate) use environment::Environment;
pub(crate) use error::{HINT, SettingsError};

use crate::arguments::SettingArguments;
use credwell_core::configuration::settings::{self, Description, Setting};
use credwell_key_value::StoreUrl;
use file::{Entry, File};
use own::OwnSetting;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::PathBuf;

/// The settings of the program and of the component. The type has no `Debug`, because it contains secrets.
pub(crate) struct ProgramSettings {
    /// The component's settings, by their full names.
    values: BTreeMap<&'static str, SecretString>,
    /// The URL of the store. None if it is not set.
    pub store: Option<StoreUrl>,
    /// The path of the store where no URL is set. None if the environment names no home folder.
    pub default_store: Option<PathBuf>,
    /// The PEM file of certificates to trust.
    pub ca_file: Option<PathBuf>,
    /// The key of fingerprints in the audit log.
    pub fingerprint_key: Option<SecretString>,
    /// The configuration file.
    file: File,
    /// Texts about suspicious settings.
    pub warnings: Vec<String>,
}

impl ProgramSettings {
    /// Reads every source.
    ///
    /// # Errors
    /// The first mistake that is found.
    pub(crate) fn read(
        arguments: &SettingArguments,
        environment: &Environment,
    ) -> Result<Self, SettingsError> {
        let mut warnings = environment.warnings();
        let file = match not_empty(arguments.config.as_deref()) {
            Some(path) => File::read(path.into())?,
            None => environment.default_file().map_or_else(|| Ok(File::default()), File::read_if_exists)?,
        };
        let options = set_options(&arguments.set)?;
        let mut values = BTreeMap::new();
        for description in settings::ALL {
            let name = description.setting.name;
            let value = match options.get(name) {
                Some(value) => Some(SecretString::from(*value)),
                None => component_value(description, environment, &file, &mut warnings)?,
            };
            // An empty value counts as not set, as it does for the component.
            if let Some(value) = value.filter(|value| !value.expose_secret().is_empty()) {
                values.insert(name, value);
            }
        }
        let store = store(arguments, environment, &file, &mut warnings)?;
        let ca_file = not_empty(arguments.ca_file.as_deref()).map(PathBuf::from);
        let ca_file = ca_file.or_else(|| file.path(&own::CA_FILE));
        let default_store = environment.default_store();
        let fingerprint_key = match environment.secret(own::FINGERPRINT_KEY.variable, &mut warnings)? {
            Some(key) => Some(key),
            None => secret_of_file(&own::FINGERPRINT_KEY, &file, &mut warnings)?,
        };
        Ok(Self { values, store, default_store, ca_file, fingerprint_key, file, warnings })
    }

    /// Whether no setting of the component is set.
    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value of a setting of the component.
    pub(crate) fn value(&self, setting: &Setting) -> Option<&str> {
        self.values.get(setting.name).map(SecretString::expose_secret)
    }

    /// Sets a setting of the component.
    pub(crate) fn set(&mut self, setting: &Setting, value: String) {
        self.values.insert(setting.name, SecretString::from(value));
    }

    /// All settings of the component.
    pub(crate) fn into_values(self) -> BTreeMap<&'static str, SecretString> {
        self.values
    }

    /// The value of one of the program's own settings, from the option or from the configuration file. clap
    /// has put the value of the environment variable into `option`. An empty text counts as not set.
    pub(crate) fn own(&self, option: Option<&str>, setting: &OwnSetting) -> Option<String> {
        not_empty(option).map(str::to_owned).or_else(|| self.file.value(setting))
    }

    /// As [`ProgramSettings::own`], with the default of the table.
    pub(crate) fn own_or_default(&self, option: Option<&str>, setting: &OwnSetting) -> String {
        self.own(option, setting).unwrap_or_else(|| setting.default.unwrap_or_default().to_owned())
    }

    /// As [`ProgramSettings::own`], for a setting that takes the path of a file. A relative path in the
    /// configuration file starts in the folder of that file.
    pub(crate) fn own_path(&self, option: Option<&str>, setting: &OwnSetting) -> Option<PathBuf> {
        not_empty(option).map(PathBuf::from).or_else(|| self.file.path(setting))
    }
}

fn not_empty<Text: ?Sized + AsRef<OsStr>>(text: Option<&Text>) -> Option<&Text> {
    text.filter(|text| !text.as_ref().is_empty())
}

/// The values of the options `--set`, by the full names of the settings.
fn set_options(arguments: &[String]) -> Result<BTreeMap<&'static str, &str>, SettingsError> {
    let parse = |argument: &'_ String| {
        let (name, _) = argument.split_once('=').ok_or(SettingsError::SetForm)?;
        let description =
            settings::find(name).ok_or_else(|| SettingsError::SetUnknown { name: name.to_owned() })?;
        let name = description.setting.name;
        if description.is_secret { Err(SettingsError::SetSecret { name }) } else { Ok(name) }
    };
    let values = arguments.iter().map(|it| Ok((parse(it)?, it.split_once('=').unwrap_or_default().1)));
    values.collect()
}

/// The value of a setting of the component, from the environment or from the configuration file.
fn component_value(
    description: &Description,
    environment: &Environment,
    file: &File,
    warnings: &mut Vec<String>,
) -> Result<Option<SecretString>, SettingsError> {
    let variable = names::variable(description);
    let value = match description.is_secret {
        true => environment.secret(&variable, warnings)?,
        false => environment.text(&variable)?.map(SecretString::from),
    };
    match (value, file.component.get(description.setting.name)) {
        (Some(value), _) => Ok(Some(value)),
        (None, Some(Entry::Text(text))) => Ok(Some(SecretString::from(text.as_str()))),
        (None, Some(Entry::SecretFile(path))) => {
            secret_file::read(&names::file_name(description.short_name()), path, warnings).map(Some)
        }
        (None, None) => Ok(None),
    }
}

/// One of the program's own secrets, from the file that the configuration file names.
fn secret_of_file(
    setting: &OwnSetting,
    file: &File,
    warnings: &mut Vec<String>,
) -> Result<Option<SecretString>, SettingsError> {
    let named = file.secret_file(setting);
    named.map(|(name, path)| secret_file::read(&name, &path, warnings)).transpose()
}

/// The URL of the store. Neither the option nor the configuration file may contain a URL with a password.
fn store(
    arguments: &SettingArguments,
    environment: &Environment,
    file: &File,
    warnings: &mut Vec<String>,
) -> Result<Option<StoreUrl>, SettingsError> {
    let parse = |text: &str| text.parse::<StoreUrl>().map_err(SettingsError::StoreUrl);
    if let Some(text) = not_empty(arguments.store.as_deref()) {
        let url = parse(text)?;
        return if url.has_user() { Err(SettingsError::StoreOptionSecret) } else { Ok(Some(url)) };
    }
    if let Some(text) = environment.secret(own::STORE.variable, warnings)? {
        return parse(text.expose_secret()).map(Some);
    }
    if let Some(text) = file.value(&own::STORE) {
        if let Some((other, _)) = file.secret_file(&own::STORE) {
            return Err(SettingsError::Both { one: own::STORE.name.to_owned(), other });
        }
        let url = parse(&text)?;
        return if url.has_user() { Err(SettingsError::StoreFileSecret) } else { Ok(Some(url)) };
    }
    secret_of_file(&own::STORE, file, warnings)?.map(|text| parse(text.expose_secret())).transpose()
}

#[cfg(test)]
mod tests;
