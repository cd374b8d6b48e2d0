//! The environment variables of the program, and the folders that they name.

use super::names::{file_variable, is_known_variable};
use super::{SettingsError, secret_file};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

const PREFIX: &str = "CREDWELL_";

/// The environment variables.
pub(crate) struct Environment(BTreeMap<OsString, OsString>);

impl<Name: Into<OsString>, Value: Into<OsString>> FromIterator<(Name, Value)> for Environment {
    fn from_iter<Variables: IntoIterator<Item = (Name, Value)>>(variables: Variables) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl Environment {
    /// The environment variables of this process.
    pub(crate) fn of_process() -> Self {
        std::env::vars_os().collect()
    }

    /// The text of a variable. An empty text counts as not set.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, SettingsError> {
        let value = self.0.get(OsStr::new(name)).filter(|value| !value.is_empty());
        let text =
            value.map(|value| value.to_str().ok_or_else(|| SettingsError::NotUnicode(name.to_owned())));
        Ok(text.transpose()?.map(str::to_owned))
    }

    /// A secret: the text of the variable, or the content of the file that the variable with `_FILE` names.
    pub(super) fn secret(
        &self,
        name: &str,
        warnings: &mut Vec<String>,
    ) -> Result<Option<SecretString>, SettingsError> {
        let file_name = file_variable(name);
        match (self.text(name)?, self.text(&file_name)?) {
            (Some(_), Some(_)) => Err(SettingsError::Both { one: name.to_owned(), other: file_name }),
            (text, None) => Ok(text.map(SecretString::from)),
            (None, Some(path)) => secret_file::read(&file_name, Path::new(&path), warnings).map(Some),
        }
    }

    /// A warning for each unknown variable with the prefix `CREDWELL_`. An unknown variable is no error,
    /// because Kubernetes sets such variables for a service named credwell.
    pub(super) fn warnings(&self) -> Vec<String> {
        let names = self.0.keys().filter_map(|name| name.to_str()).filter(|name| name.starts_with(PREFIX));
        let unknown = names.filter(|name| !is_known_variable(name));
        unknown.map(|name| format!("{name} is not a setting and has no effect")).collect()
    }

    /// The default path of the configuration file. None if the environment names no home folder.
    pub(super) fn default_file(&self) -> Option<PathBuf> {
        Some(self.folder("XDG_CONFIG_HOME", ".config")?.join("credwell/config.toml"))
    }

    /// The default path of the store. None if the environment names no home folder.
    pub(super) fn default_store(&self) -> Option<PathBuf> {
        Some(self.folder("XDG_STATE_HOME", ".local/state")?.join("credwell/cache.redb"))
    }

    /// A folder of the [XDG Base Directory
    /// Specification](https://specifications.freedesktop.org/basedir/latest/). The specification says that a
    /// relative path counts as not set.
    fn folder(&self, name: &str, below_home: &str) -> Option<PathBuf> {
        let absolute = |name: &str| {
            let path = PathBuf::from(self.0.get(OsStr::new(name))?);
            path.is_absolute().then_some(path)
        };
        absolute(name).or_else(|| Some(absolute("HOME")?.join(below_home)))
    }
}
