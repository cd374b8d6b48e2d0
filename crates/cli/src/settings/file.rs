//! The configuration file.

use super::SettingsError;
use credwell_core::configuration::settings;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// The program's own settings, and what they take.
const OWN: [(&str, &str); 10] = [
    ("store", "a URL in quotes"),
    ("store_file", PATH),
    ("listen", "an address in quotes"),
    ("concurrency_limit", "a whole number"),
    ("ca_file", PATH),
    ("audit_log", PATH),
    ("metrics_listen", "an address in quotes"),
    ("log_level", "a level in quotes"),
    ("log_format", "text or json, in quotes"),
    ("fingerprint_key_file", PATH),
];

const PATH: &str = "a file's name in quotes";

/// The table with the component's settings.
const COMPONENT: &str = "component";

/// What a configuration file says.
#[derive(Default)]
pub(super) struct File {
    /// The folder that names of files are relative to.
    folder: PathBuf,
    own: BTreeMap<&'static str, String>,
    /// The component's settings, by their full names.
    pub component: BTreeMap<&'static str, Entry>,
}

/// A setting of the component.
#[derive(Debug, PartialEq)]
pub(super) enum Entry {
    /// Its value.
    Text(String),
    /// The file that holds its value.
    SecretFile(PathBuf),
}

impl File {
    pub(super) fn read(path: PathBuf) -> Result<Self, SettingsError> {
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&path, &text),
            Err(error) => Err(SettingsError::FileUnreadable { path, error }),
        }
    }

    /// A file that isn't there says nothing.
    pub(super) fn read_if_there(path: PathBuf) -> Result<Self, SettingsError> {
        match Self::read(path) {
            Err(SettingsError::FileUnreadable { error, .. })
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                Ok(Self::default())
            }
            read => read,
        }
    }

    /// The parser's own messages show lines of the file, and those of typed reading show values. Someone may have put a
    /// secret there, so neither is used.
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
                return Err(wrong(path, name, "a table, [component]"));
            } else {
                let own = OWN.into_iter().find(|(known, _)| known == name);
                let (name, expected) = own.ok_or_else(|| unknown(path, name))?;
                file.own.insert(name, own_text(value).ok_or_else(|| wrong(path, name, expected))?);
            }
        }
        Ok(file)
    }

    /// One of the program's own settings. An empty one counts as not set.
    pub(super) fn text_of(&self, name: &str) -> Option<String> {
        self.own.get(name).filter(|text| !text.is_empty()).cloned()
    }

    /// The same for the name of a file, which is relative to the folder of the configuration file.
    pub(super) fn path_of(&self, name: &str) -> Option<PathBuf> {
        Some(self.folder.join(self.text_of(name)?))
    }

    fn entry(&self, path: &Path, short: &str, value: &Value) -> Result<(&'static str, Entry), SettingsError> {
        if let Some(name) = settings::find(short) {
            if name.is_secret {
                return Err(SettingsError::FileSecret { path: path.to_owned(), name: name.short_name() });
            }
            let text = own_text(value)
                .ok_or_else(|| wrong(path, short, "text in quotes, a whole number, true or false"))?;
            return Ok((name.setting.name, Entry::Text(text)));
        }
        let name = short.strip_suffix("_file").and_then(settings::find).filter(|name| name.is_secret);
        let name = name.ok_or_else(|| unknown(path, short))?;
        match value {
            Value::String(file) if !file.is_empty() => {
                Ok((name.setting.name, Entry::SecretFile(self.folder.join(file))))
            }
            _ => Err(wrong(path, short, PATH)),
        }
    }
}

fn own_text(value: &Value) -> Option<String> {
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

fn wrong(path: &Path, name: &str, expected: &'static str) -> SettingsError {
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
            Ok(_) => panic!("this was taken: {text}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn every_kind_of_value_is_read() {
        let file = parse(
            "concurrency_limit = 64\nca_file = \"ca.pem\"\n[component]\nrefresh_window_seconds = 90\n\
             allow_plaintext_cache = false\ntenant = \"a\"\napi_key_file = \"key\"\n\
             encryption_keys_file = \"/run/keys\"\n",
        )
        .expect("valid");
        assert_eq!(file.text_of("concurrency_limit").as_deref(), Some("64"));
        assert_eq!(file.path_of("ca_file"), Some("/etc/credwell/ca.pem".into()));
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
    fn no_secret_is_taken_and_none_is_repeated() {
        for name in settings::ALL.iter().filter(|name| name.is_secret).map(settings::Description::short_name)
        {
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
    fn what_is_unknown_or_of_the_wrong_kind_is_refused() {
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
