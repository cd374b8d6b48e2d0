//! What the command is asked to do, from its arguments and its environment.

mod environment;
pub mod serve;

use anyhow::{Context, bail, ensure};
use environment::{Environment, authority};
use serve::ServeSettings;
use std::ffi::OsString;

/// The variable that names the file with certificates to trust.
pub const CA_FILE: &str = "CREDWELL_CA_FILE";

const DEFAULT_BASE_URL: &str = "https://api.pipedream.com";

/// What the command is asked to do.
#[derive(Debug, PartialEq)]
pub enum Request {
    Help,
    Version,
    /// Ask an upstream on this machine for its sample accounts.
    Samples,
    /// Ask the real upstream.
    Accounts(Settings),
    /// Serve the HTTP broker.
    Serve(ServeSettings),
}

/// Whom to ask for what. It holds the API key, hence no `Debug` that shows it.
#[derive(PartialEq)]
pub struct Settings {
    pub api_key: String,
    pub base_url: String,
    /// The base URL's host and port.
    pub authority: String,
    /// PEM text with certificates to trust.
    pub certificates: Option<Vec<u8>>,
    /// None: a random key for this run.
    pub encryption_keys: Option<String>,
    pub account_ids: Vec<String>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Settings").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

impl Request {
    /// # Errors
    ///
    /// Wrong usage. The text says what to change and holds no secret.
    pub fn read(
        arguments: impl IntoIterator<Item = OsString>,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> anyhow::Result<Self> {
        let mut words = Vec::new();
        for argument in arguments {
            match argument.to_str().context("an argument is no Unicode text")? {
                "--help" | "-h" => return Ok(Self::Help),
                "--version" | "-V" => return Ok(Self::Version),
                option if option.starts_with('-') => bail!("there is no option {option:?}"),
                word => words.push(word.to_owned()),
            }
        }
        let environment = Environment(environment);
        match words.split_first() {
            Some((command, arguments)) if command == "serve" => {
                ServeSettings::read(arguments, &environment).map(Self::Serve)
            }
            _ => Self::read_accounts(words, &environment),
        }
    }

    fn read_accounts<Lookup: Fn(&str) -> Option<OsString>>(
        mut account_ids: Vec<String>,
        environment: &Environment<Lookup>,
    ) -> anyhow::Result<Self> {
        if let Some(listed) = environment.text("CREDWELL_ACCOUNT_IDS")? {
            ensure!(account_ids.is_empty(), "accounts are both in CREDWELL_ACCOUNT_IDS and arguments");
            let listed = listed.split(',').map(str::trim).filter(|account_id| !account_id.is_empty());
            account_ids = listed.map(str::to_owned).collect();
        }
        let base_url = environment.text("CREDWELL_BASE_URL")?;
        let encryption_keys = environment.text("CREDWELL_ENCRYPTION_KEYS")?;
        let Some(api_key) = environment.secret("CREDWELL_API_KEY")? else {
            let is_bare = account_ids.is_empty() && base_url.is_none() && encryption_keys.is_none();
            ensure!(
                is_bare,
                "there is no API key: set CREDWELL_API_KEY, or CREDWELL_API_KEY_FILE to the name of a file \
                 that holds it"
            );
            return Ok(Self::Samples);
        };
        ensure!(
            !account_ids.is_empty(),
            "there is no account to ask for: name accounts as arguments or in CREDWELL_ACCOUNT_IDS"
        );

        let base_url = base_url.unwrap_or_else(|| DEFAULT_BASE_URL.to_owned());
        let authority = authority("CREDWELL_BASE_URL", &base_url)?;
        let certificates = environment.file(CA_FILE)?;
        Ok(Self::Accounts(Settings {
            api_key,
            base_url,
            authority,
            certificates,
            encryption_keys,
            account_ids,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str], environment: &[(&str, &str)]) -> anyhow::Result<Request> {
        Request::read(arguments.iter().map(OsString::from), |name| {
            let found = environment.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        })
    }

    fn accounts(arguments: &[&str], environment: &[(&str, &str)]) -> Settings {
        match read(arguments, environment) {
            Ok(Request::Accounts(settings)) => settings,
            other => panic!("not a request for accounts: {other:?}"),
        }
    }

    #[test]
    fn nothing_set_means_the_samples() {
        assert_eq!(read(&[], &[]).expect("valid"), Request::Samples);
        assert_eq!(read(&[], &[("CREDWELL_API_KEY", "")]).expect("valid"), Request::Samples);
    }

    #[test]
    fn accounts_come_from_the_arguments_or_the_environment() {
        let key = ("CREDWELL_API_KEY", "key");
        let settings = accounts(&["apn_a", "apn_b"], &[key]);
        assert_eq!(settings.account_ids, ["apn_a", "apn_b"]);
        assert_eq!(settings.authority, "api.pipedream.com");

        let listed = ("CREDWELL_ACCOUNT_IDS", "apn_a, apn_b,");
        let elsewhere = ("CREDWELL_BASE_URL", "https://gateway.example:8443/pipedream");
        let settings = accounts(&[], &[key, listed, elsewhere]);
        assert_eq!(settings.account_ids, ["apn_a", "apn_b"]);
        assert_eq!(settings.authority, "gateway.example:8443");
        assert!(read(&["apn_c"], &[key, listed]).is_err());
    }

    #[test]
    fn what_is_missing_or_ambiguous_is_refused() {
        let key = ("CREDWELL_API_KEY", "key");
        assert!(read(&["apn_a"], &[]).is_err());
        assert!(read(&[], &[("CREDWELL_BASE_URL", "https://gateway.example")]).is_err());
        assert!(read(&[], &[key]).is_err());
        assert!(read(&["apn_a"], &[key, ("CREDWELL_API_KEY_FILE", "file")]).is_err());
        assert!(read(&["apn_a"], &[key, ("CREDWELL_BASE_URL", "no url")]).is_err());
        assert!(read(&["apn_a"], &[key, (CA_FILE, "/no/such/file")]).is_err());
        assert!(read(&["--key"], &[key]).is_err());
    }

    #[test]
    fn a_request_shows_no_key() {
        let request = read(&["apn_a"], &[("CREDWELL_API_KEY", "secret")]).expect("valid");
        assert!(!format!("{request:?}").contains("secret"));
    }
}
