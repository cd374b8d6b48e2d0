//! The broker's own settings: who may ask, and for what.

use super::caller::Caller;
use super::problem::Problem;
use crate::account_id::AccountId;
use crate::configuration::ConfigurationError::{self, Malformed, Missing, Unused};
use crate::configuration::settings::RawSettings;
use crate::secret::{self, ExposeSecret, SecretString};
use core::time::Duration;

/// The broker's names, beside those of [`crate::configuration::NAMES`].
pub const NAMES: [&str; 6] = [
    "credwell_broker_mode",
    "credwell_broker_tokens",
    "credwell_broker_accounts",
    "credwell_broker_recheck_seconds",
    "credwell_broker_metrics_token",
    "credwell_broker_store",
];

/// The shortest token that a caller can have, in bytes: 32 hexadecimal digits are 128 bits.
const SHORTEST_TOKEN: usize = 32;

/// The broker's settings.
#[derive(Debug)]
pub struct BrokerSettings {
    /// Who may ask, and for what.
    pub callers: Callers,
    /// The token that metrics are given for; none: they are neither counted nor given.
    pub metrics_token: Option<SecretString>,
    /// Whether entries are kept in the memory of the instance, and not in the host's store.
    pub is_kept_in_instance: bool,
}

/// Who may ask, and for what.
#[derive(Debug)]
pub enum Callers {
    /// A caller brings an API key of its own, and gets what the upstream gives for that key.
    PassThrough {
        /// After how long the upstream has to be asked again whether the key may still read an account.
        recheck: Duration,
    },
    /// A caller brings one of these tokens, and gets these accounts with the configured key.
    Managed {
        /// The tokens.
        tokens: Vec<SecretString>,
        /// The accounts; none: all.
        accounts: Option<Vec<AccountId>>,
    },
}

impl BrokerSettings {
    /// Takes the broker's settings.
    ///
    /// # Errors
    /// The first thing that is wrong with them.
    pub fn take(settings: &mut RawSettings) -> Result<Self, ConfigurationError> {
        let callers = Callers::take(settings)?;
        let metrics_token = take_metrics_token(settings)?;
        let is_kept_in_instance = match settings.take("credwell_broker_store").as_deref() {
            None | Some("key-value") => false,
            Some("instance") => true,
            Some(_) => {
                let expected =
                    "key-value for the host's key-value store, or instance for the instance's memory";
                return Err(Malformed { name: "credwell_broker_store", expected });
            }
        };
        if is_kept_in_instance && metrics_token.is_some() {
            let expected =
                "remove it, or set credwell_broker_store to key-value: an instance counts for itself alone";
            return Err(Unused { name: "credwell_broker_metrics_token", expected });
        }
        Ok(Self { callers, metrics_token, is_kept_in_instance })
    }
}

impl Callers {
    fn take(settings: &mut RawSettings) -> Result<Self, ConfigurationError> {
        let mode = settings.take("credwell_broker_mode");
        let tokens = settings.take_secret("credwell_broker_tokens");
        let accounts = settings.take("credwell_broker_accounts");
        let recheck = settings.take_seconds("credwell_broker_recheck_seconds")?;

        let name = "credwell_broker_mode";
        let expected = "pass-through for callers with an API key of their own, or managed for callers with a broker token";
        match mode.as_deref() {
            Some("pass-through") => {
                let expected = "remove it, or set credwell_broker_mode to managed";
                if tokens.is_some() {
                    return Err(Unused { name: "credwell_broker_tokens", expected });
                }
                if accounts.is_some() {
                    return Err(Unused { name: "credwell_broker_accounts", expected });
                }
                Ok(Self::PassThrough { recheck: recheck.unwrap_or(Duration::from_secs(300)) })
            }
            Some("managed") => {
                if recheck.is_some() {
                    let expected = "remove it, or set credwell_broker_mode to pass-through";
                    return Err(Unused { name: "credwell_broker_recheck_seconds", expected });
                }
                Ok(Self::Managed { tokens: take_tokens(tokens)?, accounts: take_accounts(accounts)? })
            }
            Some(_) => Err(Malformed { name, expected }),
            None => Err(Missing { name, expected }),
        }
    }

    /// Who a caller with this token is.
    ///
    /// # Errors
    /// [`Problem::Unauthenticated`] if it is nobody.
    pub fn identify(&self, bearer: &SecretString) -> Result<Caller, Problem> {
        match self {
            Self::PassThrough { .. } => Ok(Caller::ApiKey),
            Self::Managed { tokens, .. } => {
                // All are compared: the time tells neither which one it was nor how far it was right.
                let known = tokens.iter().fold(false, |known, token| known | secret::same(token, bearer));
                if known { Ok(Caller::BrokerToken) } else { Err(Problem::Unauthenticated) }
            }
        }
    }

    /// Lets a caller have an account.
    ///
    /// # Errors
    /// [`Problem::NotAllowed`] if the account is not among those that callers may have.
    pub fn allow(&self, account_id: &AccountId) -> Result<(), Problem> {
        match self {
            Self::Managed { accounts: Some(accounts), .. } if !accounts.contains(account_id) => {
                Err(Problem::NotAllowed)
            }
            _ => Ok(()),
        }
    }

    /// See [`crate::configuration::refresh_policy::RefreshPolicy`].
    pub fn recheck(&self) -> Option<Duration> {
        match self {
            Self::PassThrough { recheck } => Some(*recheck),
            Self::Managed { .. } => None,
        }
    }
}

fn take_tokens(tokens: Option<SecretString>) -> Result<Vec<SecretString>, ConfigurationError> {
    let name = "credwell_broker_tokens";
    let expected = "tokens of at least 32 visible ASCII characters, separated by commas";
    let tokens = tokens.ok_or(Missing { name, expected })?;
    let tokens: Vec<SecretString> =
        tokens.expose_secret().split(',').map(|token| token.trim_ascii().into()).collect();
    if tokens.iter().all(is_token) { Ok(tokens) } else { Err(Malformed { name, expected }) }
}

fn take_metrics_token(settings: &mut RawSettings) -> Result<Option<SecretString>, ConfigurationError> {
    let name = "credwell_broker_metrics_token";
    match settings.take_secret(name) {
        Some(token) if !is_token(&token) => {
            Err(Malformed { name, expected: "a token of at least 32 visible ASCII characters" })
        }
        token => Ok(token),
    }
}

fn is_token(token: &SecretString) -> bool {
    token.expose_secret().len() >= SHORTEST_TOKEN && secret::can_be_sent(token)
}

fn take_accounts(accounts: Option<String>) -> Result<Option<Vec<AccountId>>, ConfigurationError> {
    let name = "credwell_broker_accounts";
    let expected = "the ids of the accounts that callers may have, separated by commas, or * for all";
    match accounts.ok_or(Missing { name, expected })?.trim_ascii() {
        "*" => Ok(None),
        ids => {
            let ids = ids.split(',').map(|id| AccountId::parse(id.trim_ascii()));
            ids.collect::<Result<_, _>>().map(Some).map_err(|_| Malformed { name, expected })
        }
    }
}
