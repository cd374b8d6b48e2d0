//! The configuration file in TOML.

use super::SettingsError;
use super::names::{file_name, find_secret_of_file};
use super::own::{self, OwnSetting, PATH};
use credwell_core::configuration::settings;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// The name of the table with the component's settings.
const COMPONENT: &str = "component";

/// The content of a configuration file.
#[derive(Default)]
pub(super) struct File {
    /// The folder of the file. Relative paths in the file start there.
    folder: PathBuf,
    /// The program's own settings, by their names in the file.
    own: BTreeMap<String, String>,
    /// The component's settings, by their full names.
    pub component: BTreeMap<&'static str, Entry>,
}

/// A setting of the component.
#[derive(Debug, PartialEq)]
pub(super) enum Entry {
    /// The value.
    Text(String),
    /// The path of the file that contains the value.
    SecretFile(PathBuf),
}

impl File {
    /// Reads the file.
    ///
    /// # Errors
    /// [`SettingsError::FileUnreadable`], or as for [`File::parse`].
    pub(super) fn read(path: PathBuf) -> Result<Self, SettingsError> {
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&path, &text),
            Err(error) => Err(SettingsError::FileUnreadable { path, error }),
        }
    }

    /// Reads the file if it exists. A missing file counts as an empty one.
    pub(super) fn read_if_exists(path: PathBuf) -> Result<Self, SettingsError> {
        match Self::read(path) {
            Err(SettingsError::FileUnreadable { error, .. })
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                Ok(Self::default())
            }
            result => result,
        }
    }

    /// Parses the content of the file at `path`.
    ///
    /// The parser's own messages are not used: they repeat lines and values of the file, which can contain a
    /// secret by mistake.
    ///
    /// # Errors
    /// The text is not TOML, a name is unknown, a value has the wrong type, or the text contains a secret.
    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, SettingsError> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            let start = error.span().map_or(0, |span| span.start).min(text.len());
            let line = text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count() + 1;
            SettingsError::FileSyntax { path: path.to_owned(), line }
        })?;
        let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        let mut file = Self { folder, ..Self::default() };
        for (name, value) in &table {
            if let (COMPONENT, Value::Table(table)) = (name.as_str(), value) {
                for (name, value) in table {
                    let (name, entry) = file.entry(path, name, value)?;
                    file.component.insert(name, entry);
                }
            } else if name == COMPONENT {
                return Err(wrong_type(path, name, "a table, [component]"));
            } else {
                let expected = own::expected_in_file(name).ok_or_else(|| unknown(path, name))?;
                let text = text_of(value).ok_or_else(|| wrong_type(path, name, expected))?;
                file.own.insert(name.clone(), text);
            }
        }
        Ok(file)
    }

    /// The value of one of the program's own settings. An empty text counts as not set.
    pub(super) fn value(&self, setting: &OwnSetting) -> Option<String> {
        self.own_text(setting.name)
    }

    /// The value of one of the program's own settings that takes a path.
    pub(super) fn path(&self, setting: &OwnSetting) -> Option<PathBuf> {
        Some(self.folder.join(self.own_text(setting.name)?))
    }

    /// The path of the file that contains one of the program's own secrets, with the name of the setting that
    /// names it.
    pub(super) fn secret_file(&self, setting: &OwnSetting) -> Option<(String, PathBuf)> {
        let name = file_name(setting.name);
        let path = self.folder.join(self.own_text(&name)?);
        Some((name, path))
    }

    fn own_text(&self, name: &str) -> Option<String> {
        self.own.get(name).filter(|text| !text.is_empty()).cloned()
    }

    /// A setting of the table of the component.
    fn entry(&self, path: &Path, name: &str, value: &Value) -> Result<(&'static str, Entry), SettingsError> {
        if let Some(description) = settings::find(name) {
            let setting = description.setting;
            if description.is_secret {
                let name = description.short_name();
                return Err(SettingsError::FileSecret { path: path.to_owned(), name });
            }
            let text = text_of(value).ok_or_else(|| wrong_type(path, name, setting.expected))?;
            return Ok((setting.name, Entry::Text(text)));
        }
        let secret = find_secret_of_file(name).ok_or_else(|| unknown(path, name))?;
        match value {
            Value::String(file) if !file.is_empty() => {
                Ok((secret.setting.name, Entry::SecretFile(self.folder.join(file))))
            }
            _ => Err(wrong_type(path, name, PATH)),
        }
    }
}

/// The value as the component reads it. None if the type has no such text.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Boolean(flag) => Some(flag.to_string()),
        Value::Float(_) | Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}

fn unknown(path: &Path, name: &str) -> SettingsError {
    SettingsError::FileUnknown { path: path.to_owned(), name: name.to_owned() }
}

fn wrong_type(path: &Path, name: &str, expected: &'static str) -> SettingsError {
    SettingsError::FileValue { path: path.to_owned(), name: name.to_owned(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<File, SettingsError> {
        File::parse(Path::new("/etc/credwell/config.toml"), text)
    }

    fn refusal(text: &str) -> String {
        match parse(text) {
            Ok(_) => panic!("the file was accepted: {text}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn each_type_of_value_is_read() {
        let file = parse(
            "concurrency_limit = 64\nca_file = \"ca.pem\"\n[component]\nrefresh_window_seconds = 90\n\
             allow_plaintext_cache = false\ntenant = \"a\"\napi_key_file = \"key\"\n\
             encryption_keys_file = \"/run/keys\"\n",
        )
        .expect("valid");
        assert_eq!(file.value(&own::CONCURRENCY_LIMIT).as_deref(), Some("64"));
        assert_eq!(file.path(&own::CA_FILE), Some("/etc/credwell/ca.pem".into()));
        let text = |text: &str| Entry::Text(text.to_owned());
        for (name, entry) in [
            ("credwell_refresh_window_seconds", text("90")),
            ("credwell_allow_plaintext_cache", text("false")),
            ("credwell_tenant", text("a")),
            ("credwell_api_key", Entry::SecretFile("/etc/credwell/key".into())),
            ("credwell_encryption_keys", Entry::SecretFile("/run/keys".into())),
        ] {
            assert_eq!(file.component.get(name), Some(&entry), "{name}");
        }
    }

    #[test]
    fn secrets_are_refused_and_not_repeated() {
        let secrets = settings::ALL.iter().filter(|description| description.is_secret);
        for name in secrets.map(settings::Description::short_name) {
            for value in ["\"hunter2\"", "[\"hunter2\"]"] {
                let refused = refusal(&format!("[component]\n{name} = {value}\n"));
                assert!(
                    refused.contains(&format!("{name}_file")) && !refused.contains("hunter2"),
                    "{refused}"
                );
            }
            for text in
                ["hunter2", "\"hunter2", "'hunter2", "\"\"\"hunter2\n", "\"hunter2\\q\"", "hunter2\n= 1"]
            {
                let refused = refusal(&format!("[component]\n{name} = {text}"));
                assert!(refused.contains("config.toml") && !refused.contains("hunter2"), "{refused}");
            }
        }
        assert!(refusal("a = 1\n\n[component]\napi_key = hunter2\n").contains("line 4"));
    }

    #[test]
    fn unknown_names_and_wrong_types_are_refused() {
        for (text, expected) in [
            ("stoer = \"memory:\"", "\"stoer\""),
            ("[component]\nrefresh_window = 90", "\"refresh_window\""),
            ("[component]\ncredwell_tenant = \"a\"", "\"credwell_tenant\""),
            ("[component]\ntenant_file = \"a\"", "\"tenant_file\""),
            ("[component]\nmax_retries = 2.5", "max_retries takes"),
            ("[component]\napi_key_file = 7", "api_key_file takes"),
            ("component = 1", "[component]"),
            ("listen = [1]", "listen takes"),
        ] {
            let refused = refusal(text);
            assert!(refused.contains(expected), "{text}: {refused}");
        }
    }
}
