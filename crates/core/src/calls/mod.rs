//! The three calls, from top to bottom.

mod call;
pub mod credentials;
mod fetch;
mod lookup;
mod oauth_token;
mod shared_failure;
mod single_flight;

use crate::account_id::AccountId;
use crate::configuration::Configuration;
use crate::error::Error;
use crate::ports::Ports;
use crate::secret::SecretString;
use call::{Budget, Call};
use credentials::Credentials;
use lookup::Lookup;
use single_flight::Flight;

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
    get(ports, &configuration, account_id).await
}

/// [`get_credentials`] for an id and a configuration that were checked.
///
/// # Errors
/// Why there are none, and what to change.
pub async fn get<P: Ports>(
    ports: &P,
    configuration: &Configuration,
    account_id: AccountId,
) -> Result<Credentials, Error> {
    let mut call = Call::start(ports, configuration, account_id).await;
    let answer = get_in_flight(&mut call).await;
    finish(call, answer).await
}

async fn get_in_flight<P: Ports>(call: &mut Call<'_, P>) -> Result<Credentials, Error> {
    loop {
        match call.look_up().await {
            Lookup::Fresh(cached) => return Ok(call.serve(cached)),
            Lookup::Negative(error) => return Err(error),
            Lookup::Stale(cached) => match call.join_flight().await {
                // It serves, and somebody else refreshes it.
                Flight::Follow => return Ok(call.serve(cached)),
                Flight::Recheck => {}
                Flight::Lead => {
                    return match call.fetch(Budget::Half, Some(&cached), None).await {
                        Err(error) if !call.has_expired(&cached) => Ok(call.fall_back(cached, error).await),
                        answer => answer,
                    };
                }
            },
            Lookup::Missing(cached) => match call.join_flight().await {
                Flight::Follow => call.wait_for_leader().await?,
                Flight::Recheck => {}
                Flight::Lead => return call.fetch(Budget::Full, cached.as_ref(), None).await,
            },
        }
    }
}

/// The account's credentials after a caller's request met an auth error.
///
/// `rejected` is what that request was authorized with. If the cache has something else by now that has not
/// expired, or asked the upstream for the same reason a moment ago and got nothing else, then what it has is the
/// answer and the upstream is left alone; so it is if the upstream has said a moment ago that there are none.
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
    refresh(ports, &configuration, account_id, rejected).await
}

/// [`refresh_credentials`] for an id and a configuration that were checked.
///
/// # Errors
/// Why there are none, and what to change.
pub async fn refresh<P: Ports>(
    ports: &P,
    configuration: &Configuration,
    account_id: AccountId,
    rejected: Option<SecretString>,
) -> Result<Credentials, Error> {
    let mut call = Call::start(ports, configuration, account_id).await;
    let answer = match rejected {
        Some(rejected) => refresh_in_flight(&mut call, &rejected).await,
        None => {
            let cached = call.look_up().await.into_account();
            call.fetch(Budget::Full, cached.as_ref(), None).await
        }
    };
    finish(call, answer).await
}

async fn refresh_in_flight<P: Ports>(
    call: &mut Call<'_, P>,
    rejected: &SecretString,
) -> Result<Credentials, Error> {
    loop {
        let cached = match call.look_up().await {
            Lookup::Negative(error) => return Err(error),
            Lookup::Fresh(cached) | Lookup::Stale(cached) if !cached.uses(rejected) => {
                return Ok(call.serve(cached));
            }
            Lookup::Fresh(cached) | Lookup::Stale(cached) => match call.rejected_wait(&cached) {
                Some(wait) => return Ok(call.serve_rejected(cached, wait)),
                None => Some(cached),
            },
            Lookup::Missing(cached) => cached,
        };
        match call.join_flight().await {
            Flight::Follow => call.wait_for_leader().await?,
            Flight::Recheck => {}
            Flight::Lead => return call.fetch(Budget::Full, cached.as_ref(), Some(rejected)).await,
        }
    }
}

/// Keeps a no, and only then lets the next one ask the upstream.
async fn finish<P: Ports>(
    mut call: Call<'_, P>,
    answer: Result<Credentials, Error>,
) -> Result<Credentials, Error> {
    if let Err(error) = &answer {
        call.refuse(error).await;
    }
    call.release_lease().await;
    Ok(call.finish(answer?))
}

/// Removes what the cache has of the account.
///
/// # Errors
/// [`Error::StoreFailure`] if it could not be removed, and what is wrong with the id or the configuration.
pub async fn forget_credentials<P: Ports>(ports: &P, account_id: &str) -> Result<(), Error> {
    let account_id = AccountId::parse(account_id)?;
    let configuration = Configuration::load(ports).await?;
    forget(ports, &configuration, account_id).await
}

/// [`forget_credentials`] for an id and a configuration that were checked.
///
/// # Errors
/// [`Error::StoreFailure`] if it could not be removed.
pub async fn forget<P: Ports>(
    ports: &P,
    configuration: &Configuration,
    account_id: AccountId,
) -> Result<(), Error> {
    let mut call = Call::start(ports, configuration, account_id).await;
    call.remove().await;
    call.finish_without_answer()
}
