//! The three calls: [`get_credentials`], [`refresh_credentials`] and [`forget_credentials`].
//!
//! This file shows the flow of a call from top to bottom. The other files of the module hold its steps.
//!
//! 1. **Lookup.** The call reads the account's entry from the cache.
//! 2. **Fresh.** Fresh credentials are the result. The upstream is not asked.
//! 3. **Stale or missing.** Stale credentials are still valid, but it is time to refresh them. The call joins
//!    the flight for the account (`single_flight`), so that one call at a time asks the upstream.
//! 4. **Follow.** Another call leads the flight. With stale credentials a follower returns them
//!    (`stale-while-revalidate`, RFC 5861, section 3). Without credentials it waits, and looks up again.
//! 5. **Lead.** The call holds the lease and asks the upstream. Its budget is all of the time that is left,
//!    or half of it if it has stale credentials in reserve.
//! 6. **Fall back.** If the upstream can't be asked and the stale credentials are still valid, they are the
//!    result, with a warning (`stale-if-error`, RFC 5861, section 4). If the upstream says no, the call
//!    fails, and the entry is removed.
//! 7. **Finish.** The call caches a failure, releases the lease, and adds its warnings to the result.

mod call;
pub mod credentials;
mod fetch;
#[cfg(feature = "leases")]
mod held_lease;
mod hold_off;
mod lookup;
mod oauth_token;
#[cfg(feature = "leases")]
mod observation;
mod outcome;
#[cfg(feature = "leases")]
mod shared_failure;
#[cfg(feature = "leases")]
mod single_flight;
#[cfg(not(feature = "leases"))]
#[path = "lone_flight.rs"]
mod single_flight;

use crate::account_id::AccountId;
use crate::cache::key::CacheKey;
use crate::configuration::{Configuration, Kept};
use crate::error::Error;
use crate::ports::Ports;
use crate::secret::SecretString;
use call::{Budget, Call};
use credentials::Credentials;
use lookup::Lookup;
use single_flight::Role;

/// An account with its cache key, which is a keyed hash. It is derived once for each call.
pub struct KeyedAccount {
    /// The account's id.
    pub id: AccountId,
    /// The key of the account's entry.
    pub cache_key: CacheKey,
}

impl KeyedAccount {
    /// Derives the cache key of an account.
    pub fn new(configuration: &Configuration, id: AccountId) -> Self {
        Self { cache_key: CacheKey::of_account(configuration, &id), id }
    }
}

/// The account's credentials: from the cache while they are fresh, else from the upstream.
///
/// If the refresh of stale credentials fails, the call returns the stale credentials with a warning. That
/// refresh gets half of the deadline, so that the caller doesn't wait long for it. Expired credentials are
/// never returned from the cache.
///
/// # Errors
/// Why there are no credentials, and what to change.
pub async fn get_credentials<P: Ports>(
    ports: &P,
    kept: &Kept<Configuration>,
    account_id: &str,
) -> Result<Credentials, Error> {
    let account_id = AccountId::parse(account_id)?;
    let configuration = Configuration::load(ports, kept).await?;
    get(ports, &configuration, KeyedAccount::new(&configuration, account_id)).await
}

/// [`get_credentials`] for a parsed account id and a loaded configuration.
///
/// # Errors
/// Why there are no credentials, and what to change.
pub async fn get<P: Ports>(
    ports: &P,
    configuration: &Configuration,
    account: KeyedAccount,
) -> Result<Credentials, Error> {
    let mut call = Call::start(ports, configuration, account).await;
    let result = get_in_flight(&mut call).await;
    finish(call, result).await
}

async fn get_in_flight<P: Ports>(call: &mut Call<'_, P>) -> Result<Credentials, Error> {
    loop {
        match call.look_up().await {
            Lookup::Fresh(cached) => return Ok(call.return_cached(cached)),
            Lookup::Negative(error) => return Err(error),
            Lookup::Stale(cached) => match call.join_flight().await? {
                Role::Follow if call.observes_leader().await && call.wait_for_leader().await.is_ok() => {}
                Role::Follow => return Ok(call.return_cached(cached)),
                Role::Recheck => {}
                Role::Lead => {
                    return match call.fetch(Budget::Half, Some(&cached), None).await {
                        Err(error) if !error.is_refusal() && !call.has_expired(&cached) => {
                            Ok(call.fall_back(cached, error).await)
                        }
                        result => result,
                    };
                }
            },
            Lookup::Missing(expired) => match call.join_flight().await? {
                Role::Follow => call.wait_for_leader().await?,
                Role::Recheck => {}
                Role::Lead => return call.fetch(Budget::Full, expired.as_ref(), None).await,
            },
        }
    }
}

/// The account's credentials after an app has rejected the ones that the caller has.
///
/// `rejected` is the secret that authorized the rejected request. The cache answers in three cases:
///
/// - It has other credentials that are still valid. Another call has refreshed them meanwhile.
/// - The upstream gave the rejected secret again a moment ago. The result has a warning.
/// - The upstream said a moment ago that there are no credentials. The result is that error.
///
/// Without `rejected`, the cache answers only if its answer is younger than
/// [`Configuration::forced_refresh_age`], or came while this call waited for another one.
///
/// Otherwise the call asks the upstream. If that fails, the call fails: it never falls back to a rejected
/// secret.
///
/// # Errors
/// Why there are no credentials, and what to change.
pub async fn refresh_credentials<P: Ports>(
    ports: &P,
    kept: &Kept<Configuration>,
    account_id: &str,
    rejected: Option<SecretString>,
) -> Result<Credentials, Error> {
    let account_id = AccountId::parse(account_id)?;
    let configuration = Configuration::load(ports, kept).await?;
    refresh(ports, &configuration, KeyedAccount::new(&configuration, account_id), rejected).await
}

/// [`refresh_credentials`] for a parsed account id and a loaded configuration.
///
/// # Errors
/// Why there are no credentials, and what to change.
pub async fn refresh<P: Ports>(
    ports: &P,
    configuration: &Configuration,
    account: KeyedAccount,
    rejected: Option<SecretString>,
) -> Result<Credentials, Error> {
    let mut call = Call::start(ports, configuration, account).await;
    let result = match rejected {
        Some(rejected) => refresh_in_flight(&mut call, &rejected).await,
        None => force_in_flight(&mut call).await,
    };
    finish(call, result).await
}

async fn refresh_in_flight<P: Ports>(
    call: &mut Call<'_, P>,
    rejected: &SecretString,
) -> Result<Credentials, Error> {
    loop {
        let cached = match call.look_up().await {
            Lookup::Negative(error) => return Err(error),
            Lookup::Fresh(cached) | Lookup::Stale(cached) if !call.authorizes(&cached, rejected) => {
                return Ok(call.return_cached(cached));
            }
            Lookup::Fresh(cached) | Lookup::Stale(cached) => match call.rejected_backoff(&cached) {
                Some(wait) => return Ok(call.return_rejected(cached, wait)),
                None => Some(cached),
            },
            Lookup::Missing(expired) => expired,
        };
        match call.join_flight().await? {
            Role::Follow => call.wait_for_leader().await?,
            Role::Recheck => {}
            Role::Lead => return call.fetch(Budget::Full, cached.as_ref(), Some(rejected)).await,
        }
    }
}

async fn force_in_flight<P: Ports>(call: &mut Call<'_, P>) -> Result<Credentials, Error> {
    loop {
        let cached = match call.look_up().await {
            Lookup::Negative(error) if call.is_recent() => return Err(error),
            Lookup::Fresh(cached) | Lookup::Stale(cached) if call.is_recent() => {
                return Ok(call.return_cached(cached));
            }
            Lookup::Fresh(cached) | Lookup::Stale(cached) => Some(cached),
            Lookup::Missing(expired) => expired,
            Lookup::Negative(_) => None,
        };
        match call.join_flight().await? {
            Role::Follow => call.wait_for_leader().await?,
            Role::Recheck => {}
            Role::Lead => return call.fetch(Budget::Full, cached.as_ref(), None).await,
        }
    }
}

/// The end of a call that returns credentials. A failure is cached before the lease is released, because the
/// next holder of the lease, and the followers, look for it in the cache.
async fn finish<P: Ports>(
    mut call: Call<'_, P>,
    result: Result<Credentials, Error>,
) -> Result<Credentials, Error> {
    if let Err(error) = &result {
        call.cache_failure(error).await;
    }
    call.finish(result).await
}

/// Removes the account's entry from the cache.
///
/// # Errors
/// [`Error::StoreFailure`] if the store failed, [`Error::InvalidAccountId`] or [`Error::Configuration`].
pub async fn forget_credentials<P: Ports>(
    ports: &P,
    kept: &Kept<Configuration>,
    account_id: &str,
) -> Result<(), Error> {
    let account_id = AccountId::parse(account_id)?;
    let configuration = Configuration::load(ports, kept).await?;
    forget(ports, &configuration, KeyedAccount::new(&configuration, account_id)).await
}

/// [`forget_credentials`] for a parsed account id and a loaded configuration.
///
/// # Errors
/// [`Error::StoreFailure`] if the store failed.
pub async fn forget<P: Ports>(
    ports: &P,
    configuration: &Configuration,
    account: KeyedAccount,
) -> Result<(), Error> {
    Call::start(ports, configuration, account).await.remove_entry().await
}
