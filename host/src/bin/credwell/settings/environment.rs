//! Environment variables, secrets in files among them.

use anyhow::{Context, bail, ensure};
use std::ffi::OsString;

/// The environment variables.
pub struct Environment<Lookup>(pub Lookup);

impl<Lookup: Fn(&str) -> Option<OsString>> Environment<Lookup> {
    /// A variable's text. An empty one counts as not set.
    pub fn text(&self, name: &str) -> anyhow::Result<Option<String>> {
        let value = (self.0)(name).filter(|value| !value.is_empty());
        let value = value.map(OsString::into_string).transpose();
        value.map_err(|_| anyhow::anyhow!("{name} is no Unicode text"))
    }

    /// A secret: the variable's text, or what the file holds that the variable with `_FILE` at its end names.
    pub fn secret(&self, name: &str) -> anyhow::Result<Option<String>> {
        let file_name = format!("{name}_FILE");
        match (self.text(name)?, self.text(&file_name)?) {
            (Some(_), Some(_)) => bail!("set one of {name} and {file_name}, not both"),
            (text, None) => Ok(text),
            (None, Some(file)) => {
                let text = std::fs::read_to_string(&file)
                    .with_context(|| format!("{file_name}: can't read {file}"))?;
                let secret = text.trim();
                ensure!(!secret.is_empty(), "{file_name}: {file} is empty");
                Ok(Some(secret.to_owned()))
            }
        }
    }

    /// What the file holds that a variable names.
    pub fn file(&self, name: &str) -> anyhow::Result<Option<Vec<u8>>> {
        let Some(file) = self.text(name)? else { return Ok(None) };
        std::fs::read(&file).map(Some).with_context(|| format!("{name}: can't read {file}"))
    }
}

/// The host and port of the URL that a variable holds.
pub fn authority(name: &str, url: &str) -> anyhow::Result<String> {
    let uri: http::Uri = url.parse().with_context(|| format!("{name} is no URL"))?;
    Ok(uri.authority().with_context(|| format!("{name} names no host"))?.to_string())
}
