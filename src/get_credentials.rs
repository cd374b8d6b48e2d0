//! The three calls, from top to bottom.

use crate::account_id::AccountId;
use crate::call::{Cached, Call};
use crate::configuration::Configuration;
use crate::credentials::Credentials;
use crate::error::Error;
use crate::ports::Ports;
use crate::secret::SecretString;

/// The account's credentials: from the cache while they are fresh, else from the upstream.
///
/// Credentials that are due for a refresh serve on if it fails, with a warning; so that the caller doesn't wait
/// long for something that it can do without, that refresh gets half of the time. After their expiry they never
/// serve.
///
/// # Errors
/// Why there are none, and what to change.
pub async fn get_credentials<P: Ports>(ports: &P, account_id: &str) -> Result<Credentials, Error> {
    let account_id = AccountId::parse(account_id)?;
    let configuration = Configuration::load(ports).await?;
    let mut call = Call::start(ports, &configuration, account_id).await;
    let allowed = configuration.deadline;
    let answer = match call.look_up().await {
        Cached::Fresh(held) => Ok(call.serve(held)),
        Cached::Negative(error) => return Err(error),
        Cached::Due(held) => match call.fetch(allowed / 2, Some(&held), None).await {
            Err(error) if !call.has_expired(&held) => Ok(call.fall_back(held, error).await),
            answer => answer,
        },
        Cached::Expired(held) => call.fetch(allowed, Some(&held), None).await,
        Cached::Miss => call.fetch(allowed, None, None).await,
    };
    match answer {
        Ok(credentials) => Ok(call.finish(credentials)),
        Err(error) => {
            call.refuse(&error).await;
            Err(error)
        }
    }
}

/// The account's credentials after a caller's request met an auth error.
///
/// `rejected` is what that request was authorized with. If the cache has something else by now that has not
/// expired, or asked the upstream for the same reason a moment ago and got nothing else, then what it has is the
/// answer and the upstream is left alone; so it is if the upstream has said a moment ago that there are none. Otherwise the upstream is asked; if that fails, so does the call, since the rejected
/// secret is of no use.
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
    let cached = call.look_up().await;
    let held = match (cached, &rejected) {
        (Cached::Negative(error), Some(_)) => return Err(error),
        (Cached::Fresh(held) | Cached::Due(held), Some(rejected)) if !held.uses(rejected) => {
            let credentials = call.serve(held);
            return Ok(call.finish(credentials));
        }
        (Cached::Fresh(held) | Cached::Due(held), Some(_)) => match call.rejected_wait(&held) {
            Some(wait) => {
                let credentials = call.serve_rejected(held, wait);
                return Ok(call.finish(credentials));
            }
            None => Some(held),
        },
        (Cached::Fresh(held) | Cached::Due(held) | Cached::Expired(held), _) => Some(held),
        (Cached::Negative(_) | Cached::Miss, _) => None,
    };
    match call.fetch(configuration.deadline, held.as_ref(), rejected.as_ref()).await {
        Ok(credentials) => Ok(call.finish(credentials)),
        Err(error) => {
            call.refuse(&error).await;
            Err(error)
        }
    }
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
