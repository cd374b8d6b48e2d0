//! Environment variables, secrets in files among them.

use super::names::{self, OTHER_VARIABLES};
use super::{SettingsError, secret_file};
use credwell_core::configuration::settings;
use secrecy::SecretString;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
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
    /// This process's.
    pub(crate) fn of_process() -> Self {
        std::env::vars_os().collect()
    }

    /// A variable's text. An empty one counts as not set.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, SettingsError> {
        let value = self.0.get(name.as_ref() as &std::ffi::OsStr).filter(|value| !value.is_empty());
        let text =
            value.map(|value| value.to_str().ok_or_else(|| SettingsError::NotUnicode(name.to_owned())));
        Ok(text.transpose()?.map(str::to_owned))
    }

    /// A secret: the variable's text, or what the file holds that the variable with `_FILE` at its end names.
    pub(crate) fn secret(
        &self,
        name: &str,
        warnings: &mut Vec<String>,
    ) -> Result<Option<SecretString>, SettingsError> {
        let file_name = format!("{name}_FILE");
        match (self.text(name)?, self.text(&file_name)?) {
            (Some(_), Some(_)) => Err(SettingsError::Both { one: name.to_owned(), other: file_name }),
            (text, None) => Ok(text.map(SecretString::from)),
            (None, Some(path)) => secret_file::read(&file_name, Path::new(&path), warnings).map(Some),
        }
    }

    /// A warning for each variable that looks like a setting and is none. They are no errors: Kubernetes sets some
    /// for every service that is called so.
    pub(crate) fn unknown(&self, options: &BTreeSet<String>) -> Vec<String> {
        let is_known = |name: &str| {
            let base = name.strip_suffix("_FILE").unwrap_or(name);
            OTHER_VARIABLES.contains(&name)
                || options.contains(name)
                || settings::ALL.iter().any(|it| {
                    let variable = names::variable(it);
                    variable == name || (it.is_secret && variable == base)
                })
        };
        let ours = self.0.keys().filter_map(|name| name.to_str()).filter(|name| name.starts_with(PREFIX));
        let unknown = ours.filter(|name| !is_known(name));
        unknown.map(|name| format!("{name} is no setting, and means nothing here")).collect()
    }

    /// Where a configuration file is looked for.
    pub(crate) fn default_file(&self) -> Option<PathBuf> {
        Some(self.folder("XDG_CONFIG_HOME", ".config")?.join("credwell/config.toml"))
    }

    /// Where the cache is if nothing says so.
    pub(crate) fn default_store(&self) -> Option<PathBuf> {
        Some(self.folder("XDG_STATE_HOME", ".local/state")?.join("credwell/cache.redb"))
    }

    /// A folder of the [XDG Base Directory Specification](https://specifications.freedesktop.org/basedir/latest/),
    /// by which a relative path counts as not set.
    fn folder(&self, name: &str, below_home: &str) -> Option<PathBuf> {
        let absolute = |name: &str| {
            let path = PathBuf::from(self.0.get(name.as_ref() as &std::ffi::OsStr)?);
            path.is_absolute().then_some(path)
        };
        absolute(name).or_else(|| Some(absolute("HOME")?.join(below_home)))
    }
}
