//! The settings of the broker alone: the callers, their accounts, and where entries are cached.

use super::caller::Caller;
use super::problem::Problem;
use crate::account_id::AccountId;
use crate::configuration::ConfigurationError;
use crate::configuration::RawSettings;
use crate::configuration::settings::{
    BROKER_ACCOUNTS, BROKER_METRICS_TOKEN, BROKER_MODE, BROKER_RECHECK, BROKER_STORE, BROKER_TOKENS,
};
use crate::secret::{self, ExposeSecret, SecretString};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

/// The shortest token that a caller can have, in bytes: 32 hexadecimal digits are 128 bits.
const SHORTEST_TOKEN: usize = 32;

/// The broker's settings.
#[derive(Debug)]
pub struct BrokerSettings {
    /// The callers and their accounts.
    pub callers: Callers,
    /// The token that allows to read the metrics. None: nothing is counted.
    pub metrics_token: Option<SecretString>,
    /// Whether entries are cached in the memory of the instance, and not in the host's store.
    pub is_kept_in_instance: bool,
}

/// The callers that the broker answers, and the accounts that they may have.
#[derive(Debug)]
pub enum Callers {
    /// A caller brings an API key of its own, and gets the accounts that the upstream gives for that key.
    PassThrough {
        /// After how long the upstream is asked again whether the key may still read an account.
        recheck: Duration,
    },
    /// A caller brings a broker token, and gets accounts with the configured API key.
    Managed {
        /// The tokens of all callers.
        tokens: Vec<SecretString>,
        /// The accounts that callers may have. None: all accounts.
        accounts: Option<Vec<AccountId>>,
    },
}

impl BrokerSettings {
    /// Takes the settings of the broker.
    ///
    /// # Errors
    /// The first setting that is wrong.
    pub fn take(settings: &mut RawSettings) -> Result<Self, ConfigurationError> {
        let callers = Callers::take(settings)?;
        let metrics_token = take_metrics_token(settings)?;
        let is_kept_in_instance = match settings.take(BROKER_STORE).as_deref() {
            None | Some("key-value") => false,
            Some("instance") => true,
            Some(_) => return Err(BROKER_STORE.malformed()),
        };
        if is_kept_in_instance && metrics_token.is_some() {
            let advice =
                "remove it, or set credwell_broker_store to key-value: an instance counts for itself alone";
            return Err(BROKER_METRICS_TOKEN.unused(advice));
        }
        Ok(Self { callers, metrics_token, is_kept_in_instance })
    }
}

impl Callers {
    fn take(settings: &mut RawSettings) -> Result<Self, ConfigurationError> {
        let mode = settings.take(BROKER_MODE);
        let tokens = settings.take_secret(BROKER_TOKENS);
        let accounts = settings.take(BROKER_ACCOUNTS);
        let recheck = settings.take_number(BROKER_RECHECK)?;

        match mode.as_deref() {
            Some("pass-through") => {
                let advice = "remove it, or set credwell_broker_mode to managed";
                if tokens.is_some() {
                    return Err(BROKER_TOKENS.unused(advice));
                }
                if accounts.is_some() {
                    return Err(BROKER_ACCOUNTS.unused(advice));
                }
                let recheck = recheck.unwrap_or_else(|| BROKER_RECHECK.default_number());
                Ok(Self::PassThrough { recheck: Duration::from_secs(recheck) })
            }
            Some("managed") => {
                if recheck.is_some() {
                    return Err(
                        BROKER_RECHECK.unused("remove it, or set credwell_broker_mode to pass-through")
                    );
                }
                Ok(Self::Managed { tokens: take_tokens(tokens)?, accounts: take_accounts(accounts)? })
            }
            Some(_) => Err(BROKER_MODE.malformed()),
            None => Err(BROKER_MODE.missing()),
        }
    }

    /// The kind of the caller that brings this token.
    ///
    /// # Errors
    /// [`Problem::Unauthenticated`] if the broker does not know the token.
    pub fn identify(&self, bearer: &SecretString) -> Result<Caller, Problem> {
        match self {
            Self::PassThrough { .. } => Ok(Caller::ApiKey),
            Self::Managed { tokens, .. } => {
                // All tokens are compared, so that the time tells neither which token matched nor how much of
                // it.
                let known = tokens.iter().fold(false, |known, token| known | secret::same(token, bearer));
                if known { Ok(Caller::BrokerToken) } else { Err(Problem::Unauthenticated) }
            }
        }
    }

    /// Whether each caller brings an API key of its own.
    pub fn bring_api_keys(&self) -> bool {
        matches!(self, Self::PassThrough { .. })
    }

    /// Checks that callers may have an account.
    ///
    /// # Errors
    /// [`Problem::NotAllowed`] if they may not.
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
    let tokens = tokens.ok_or(BROKER_TOKENS.missing())?;
    let tokens: Vec<SecretString> =
        tokens.expose_secret().split(',').map(|token| token.trim_ascii().into()).collect();
    if tokens.iter().all(is_token) { Ok(tokens) } else { Err(BROKER_TOKENS.malformed()) }
}

fn take_metrics_token(settings: &mut RawSettings) -> Result<Option<SecretString>, ConfigurationError> {
    match settings.take_secret(BROKER_METRICS_TOKEN) {
        Some(token) if !is_token(&token) => Err(BROKER_METRICS_TOKEN.malformed()),
        token => Ok(token),
    }
}

fn is_token(token: &SecretString) -> bool {
    token.expose_secret().len() >= SHORTEST_TOKEN && secret::can_be_sent(token)
}

fn take_accounts(accounts: Option<String>) -> Result<Option<Vec<AccountId>>, ConfigurationError> {
    match accounts.ok_or(BROKER_ACCOUNTS.missing())?.trim_ascii() {
        "*" => Ok(None),
        ids => {
            let ids = ids.split(',').map(|id| AccountId::parse(id.trim_ascii()));
            ids.collect::<Result<_, _>>().map(Some).map_err(|_| BROKER_ACCOUNTS.malformed())
        }
    }
}
