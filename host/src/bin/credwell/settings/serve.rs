//! What `credwell serve` is asked to do.

use super::environment::{Environment, authority};
use super::{CA_FILE, DEFAULT_BASE_URL};
use anyhow::{Context, ensure};
use std::ffi::OsString;
use std::net::SocketAddr;

const DEFAULT_ADDRESS: &str = "127.0.0.1:8080";

/// Where to serve the broker, and for which upstream.
#[derive(Debug, PartialEq)]
pub struct ServeSettings {
    pub address: SocketAddr,
    /// None: an upstream on this machine with sample accounts.
    pub upstream: Option<Upstream>,
}

/// An upstream, and what the broker is configured with. It holds secrets, hence no `Debug` that shows them.
#[derive(PartialEq)]
pub struct Upstream {
    /// The base URL's host and port.
    pub authority: String,
    /// PEM text with certificates to trust.
    pub certificates: Option<Vec<u8>>,
    /// The component's settings, except for encryption keys that weren't given.
    pub settings: Vec<(&'static str, String)>,
    /// None: random keys for this run.
    pub encryption_keys: Option<String>,
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Upstream").field("authority", &self.authority).finish_non_exhaustive()
    }
}

impl ServeSettings {
    pub fn read<Lookup: Fn(&str) -> Option<OsString>>(
        arguments: &[String],
        environment: &Environment<Lookup>,
    ) -> anyhow::Result<Self> {
        ensure!(arguments.len() <= 1, "serve takes one address");
        let address = arguments.first().map_or(DEFAULT_ADDRESS, String::as_str);
        let address = address
            .parse()
            .with_context(|| format!("{address:?} is no address like {DEFAULT_ADDRESS} or [::1]:8080"))?;
        Ok(Self { address, upstream: upstream(environment)? })
    }
}

fn upstream<Lookup: Fn(&str) -> Option<OsString>>(
    environment: &Environment<Lookup>,
) -> anyhow::Result<Option<Upstream>> {
    let base_url = environment.text("CREDWELL_BASE_URL")?;
    let mode = environment.text("CREDWELL_BROKER_MODE")?;
    let encryption_keys = environment.text("CREDWELL_ENCRYPTION_KEYS")?;
    // Which of them go together is for the broker to say.
    let given = [
        ("credwell_api_key", environment.secret("CREDWELL_API_KEY")?),
        ("credwell_broker_tokens", environment.secret("CREDWELL_BROKER_TOKENS")?),
        ("credwell_broker_accounts", environment.text("CREDWELL_BROKER_ACCOUNTS")?),
        ("credwell_broker_recheck_seconds", environment.text("CREDWELL_BROKER_RECHECK_SECONDS")?),
    ];
    let given = given.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let mut settings: Vec<_> = given.collect();

    if mode.is_none() {
        // Someone who sets a key may well mean to give it to callers, so that is never guessed.
        ensure!(
            settings.is_empty() && (encryption_keys.is_none() || base_url.is_some()),
            "set CREDWELL_BROKER_MODE to pass-through, for callers with API keys of their own, or to managed, \
             for callers with a token of CREDWELL_BROKER_TOKENS"
        );
        if base_url.is_none() {
            return Ok(None);
        }
    }
    let base_url = base_url.unwrap_or_else(|| DEFAULT_BASE_URL.to_owned());
    let authority = authority("CREDWELL_BASE_URL", &base_url)?;
    settings.push(("credwell_base_url", base_url));
    settings.push(("credwell_broker_mode", mode.unwrap_or_else(|| "pass-through".to_owned())));
    Ok(Some(Upstream { authority, certificates: environment.file(CA_FILE)?, settings, encryption_keys }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str], environment: &[(&str, &str)]) -> anyhow::Result<ServeSettings> {
        let arguments: Vec<_> = arguments.iter().map(|text| (*text).to_owned()).collect();
        ServeSettings::read(
            &arguments,
            &Environment(|name: &str| {
                let found = environment.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| OsString::from(value))
            }),
        )
    }

    fn upstream(environment: &[(&str, &str)]) -> Upstream {
        read(&[], environment).expect("valid").upstream.expect("an upstream is named")
    }

    #[test]
    fn nothing_set_means_the_samples_on_the_loopback() {
        let settings = read(&[], &[]).expect("valid");
        assert_eq!((settings.address.to_string().as_str(), settings.upstream), (DEFAULT_ADDRESS, None));
        assert_eq!(read(&["[::1]:0"], &[]).expect("valid").address.to_string(), "[::1]:0");
        for arguments in [&["8080"][..], &["host:8080"], &["127.0.0.1:1", "127.0.0.1:2"]] {
            assert!(read(arguments, &[]).is_err(), "{arguments:?}");
        }
    }

    #[test]
    fn the_real_upstream_is_asked_only_in_a_mode_that_is_set() {
        let tokens = ("CREDWELL_BROKER_TOKENS", "0123456789abcdef0123456789abcdef");
        let found = upstream(&[("CREDWELL_BROKER_MODE", "managed"), tokens]);
        assert_eq!(found.authority, "api.pipedream.com");
        assert!(found.settings.contains(&("credwell_broker_tokens", tokens.1.to_owned())));
        assert!(found.settings.contains(&("credwell_broker_mode", "managed".to_owned())));
        assert!(!format!("{found:?}").contains(tokens.1));

        let found = upstream(&[("CREDWELL_BASE_URL", "http://127.0.0.1:1")]);
        assert_eq!(found.authority, "127.0.0.1:1");
        assert!(found.settings.contains(&("credwell_broker_mode", "pass-through".to_owned())));

        let address = ("CREDWELL_BASE_URL", "http://127.0.0.1:1");
        for variable in [("CREDWELL_API_KEY", "key"), tokens, ("CREDWELL_BROKER_ACCOUNTS", "*")] {
            assert!(read(&[], &[variable]).is_err());
            assert!(read(&[], &[variable, address]).is_err());
        }
        assert!(read(&[], &[("CREDWELL_ENCRYPTION_KEYS", "k:0")]).is_err());
    }
}
