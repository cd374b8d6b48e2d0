//! The three calls, from top to bottom.

use crate::account_id::AccountId;
use crate::call::{Call, Patience, Step};
use crate::configuration::Configuration;
use crate::credentials::Credentials;
use crate::error::Error;
use crate::held::Cached;
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
    let answer = get_in_turn(&mut call).await;
    finish(call, answer).await
}

async fn get_in_turn<P: Ports>(call: &mut Call<'_, P>) -> Result<Credentials, Error> {
    loop {
        match call.look_up().await {
            Cached::Fresh(held) => return Ok(call.serve(held)),
            Cached::Negative(error) => return Err(error),
            Cached::Due(held) => match call.next_step().await {
                // It serves, and somebody else refreshes it.
                Step::Wait => return Ok(call.serve(held)),
                Step::LookAgain => {}
                Step::Ask => {
                    return match call.fetch(Patience::Half, Some(&held), None).await {
                        Err(error) if !call.has_expired(&held) => Ok(call.fall_back(held, error).await),
                        answer => answer,
                    };
                }
            },
            Cached::Missing(held) => match call.next_step().await {
                Step::Wait => call.wait_for_turn().await?,
                Step::LookAgain => {}
                Step::Ask => return call.fetch(Patience::Whole, held.as_ref(), None).await,
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
        Some(rejected) => refresh_in_turn(&mut call, &rejected).await,
        None => {
            let held = call.look_up().await.into_held();
            call.fetch(Patience::Whole, held.as_ref(), None).await
        }
    };
    finish(call, answer).await
}

async fn refresh_in_turn<P: Ports>(
    call: &mut Call<'_, P>,
    rejected: &SecretString,
) -> Result<Credentials, Error> {
    loop {
        let held = match call.look_up().await {
            Cached::Negative(error) => return Err(error),
            Cached::Fresh(held) | Cached::Due(held) if !held.uses(rejected) => return Ok(call.serve(held)),
            Cached::Fresh(held) | Cached::Due(held) => match call.rejected_wait(&held) {
                Some(wait) => return Ok(call.serve_rejected(held, wait)),
                None => Some(held),
            },
            Cached::Missing(held) => held,
        };
        match call.next_step().await {
            Step::Wait => call.wait_for_turn().await?,
            Step::LookAgain => {}
            Step::Ask => return call.fetch(Patience::Whole, held.as_ref(), Some(rejected)).await,
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
    call.end_turn().await;
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
