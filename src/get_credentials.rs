//! The three calls, from top to bottom.

use crate::account_id::AccountId;
use crate::call::{Cached, Call};
use crate::configuration::Configuration;
use crate::credentials::{Credentials, Warning};
use crate::error::Error;
use crate::ports::Ports;
use crate::secret::SecretString;

/// The account's credentials: from the cache while they are fresh, else from the upstream.
///
/// Credentials that are due for a refresh serve on if it fails, with a warning, unless the upstream says of
/// the account itself that it is gone, forbidden or dead. After their expiry they never serve.
///
/// # Errors
/// Why there are none, and what to change.
pub async fn get_credentials<P: Ports>(ports: &P, account_id: &str) -> Result<Credentials, Error> {
    let account_id = AccountId::parse(account_id)?;
    let configuration = Configuration::load(ports).await?;
    let mut call = Call::start(ports, &configuration, account_id).await;
    let credentials = match call.look_up().await {
        Cached::Fresh(held) => call.serve(held),
        Cached::Negative(error) => return Err(error),
        Cached::Due(held) => match call.fetch(Some(&held), None).await {
            Ok(credentials) => credentials,
            Err(error) if error.is_definitive() => return Err(error),
            Err(error) => call.fall_back(held, error).await,
        },
        Cached::Expired(held) => call.fetch(Some(&held), None).await?,
        Cached::Miss => call.fetch(None, None).await?,
    };
    Ok(call.finish(credentials))
}

/// The account's credentials after a caller's request met an auth error.
///
/// `rejected` is what that request was authorized with. If the cache has something else by now, or asked the
/// upstream a moment ago and got nothing else, then what it has is the answer and the upstream is left alone.
/// Otherwise the upstream is asked; if that fails, so does the call, since the rejected secret is of no use.
///
/// # Errors
/// Why there are none, and what to change.
pub async fn refresh_credentials<P: Ports>(
    ports: &P,
    account_id: &str,
    rejected: Option<SecretString>,
) -> Result<Credentials, Error> {
    let account_id = AccountId::parse(account_id)?;
    let configuration = Configuration::load(ports).await?;
    let mut call = Call::start(ports, &configuration, account_id).await;
    let held = match (call.look_up().await, &rejected) {
        (Cached::Fresh(held) | Cached::Due(held), Some(rejected)) => {
            let unchanged_wait = call.unchanged_wait(&held);
            let is_rejected = held.uses(rejected);
            if !is_rejected || unchanged_wait.is_some() {
                let mut credentials = call.serve(held);
                let warning = unchanged_wait.filter(|_| is_rejected).map(Warning::TokenUnchanged);
                credentials.warnings.extend(warning);
                return Ok(call.finish(credentials));
            }
            Some(held)
        }
        (Cached::Fresh(held) | Cached::Due(held) | Cached::Expired(held), _) => Some(held),
        (Cached::Negative(_) | Cached::Miss, _) => None,
    };
    let credentials = call.fetch(held.as_ref(), rejected.as_ref()).await?;
    Ok(call.finish(credentials))
}

/// Removes what the cache has of the account.
///
/// # Errors
/// [`Error::StoreFailure`] if it could not be removed, and what is wrong with the id or the configuration.
pub async fn forget_credentials<P: Ports>(ports: &P, account_id: &str) -> Result<(), Error> {
    let account_id = AccountId::parse(account_id)?;
    let configuration = Configuration::load(ports).await?;
    let mut call = Call::start(ports, &configuration, account_id).await;
    call.remove().await;
    call.finish_without_answer()
}
