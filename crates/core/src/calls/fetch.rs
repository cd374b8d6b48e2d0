//! The fetch of an account from the upstream.

use crate::account_id::AccountId;
use crate::cache::Cache;
use crate::cache::key::CacheKey;
use crate::calls::credentials::Warning;
use crate::calls::hold_off;
use crate::calls::oauth_token::OAuthClient;
use crate::configuration::{Authorization, Configuration};
use crate::error::{Error, Refused};
use crate::ports::{Ports, Request};
use crate::secret::{ExposeSecret, SecretSlice, SecretString};
use crate::upstream::account::{Account, FetchedAccount};
use crate::upstream::deadline::Deadline;
use crate::upstream::request;
use crate::upstream::send::send;
use alloc::vec::Vec;

/// The account in the upstream's response.
///
/// The upstream may revoke an OAuth token before its expiry. If it refuses a cached one, the request is sent
/// once more with another token. A failed refresh of the OAuth token adds to `warnings`.
///
/// # Errors
/// The failure of the request for the account or for the OAuth token.
pub(super) async fn account<'a, P: Ports>(
    ports: &'a P,
    configuration: &'a Configuration,
    cache: &mut Cache<'a, P>,
    deadline: Deadline,
    account_id: &AccountId,
    warnings: &mut Vec<Warning>,
) -> Result<FetchedAccount, Error> {
    let upstream = UpstreamCall { ports, configuration, deadline };
    let (id, secret) = match &configuration.authorization {
        Authorization::ApiKey(key) => return upstream.account(cache, account_id, key, Refused::ApiKey).await,
        Authorization::CallersKey(key) => {
            return upstream.account(cache, account_id, key, Refused::CallersKey).await;
        }
        Authorization::OAuthClient { id, secret } => (id.as_str(), secret),
    };
    let mut client = OAuthClient::new(&upstream, cache, id, secret);
    let bearer = client.token(warnings).await?;
    match upstream.account(client.cache, account_id, &bearer.token, Refused::OAuthToken).await {
        Err(Error::Unauthorized(_)) if bearer.is_cached => {
            let bearer = client.other_token(&bearer.token).await?;
            upstream.account(client.cache, account_id, &bearer.token, Refused::OAuthToken).await
        }
        result => result,
    }
}

/// What the requests of one call to the upstream have in common.
pub(super) struct UpstreamCall<'a, P> {
    pub(super) ports: &'a P,
    pub(super) configuration: &'a Configuration,
    pub(super) deadline: Deadline,
}

impl<'a, P: Ports> UpstreamCall<'a, P> {
    /// Sends `request` and returns the body of its response. A 429 with a wait begins the hold-off under
    /// `hold_off_key` at once, also if the request is repeated after the wait.
    ///
    /// # Errors
    /// See [`send`].
    pub(super) async fn send(
        &self,
        cache: &mut Cache<'a, P>,
        deadline: Deadline,
        request: &Request,
        refused: Refused,
        hold_off_key: &CacheKey,
    ) -> Result<SecretSlice<u8>, Error> {
        let hold_off = async |wait| hold_off::begin(self.ports, cache, hold_off_key, wait).await;
        send(self.ports, self.configuration, deadline, request, refused, hold_off).await
    }

    async fn account(
        &self,
        cache: &mut Cache<'a, P>,
        account_id: &AccountId,
        bearer: &SecretString,
        refused: Refused,
    ) -> Result<FetchedAccount, Error> {
        let request = request::for_account(self.configuration, account_id, bearer);
        let hold_off_key = CacheKey::of_hold_off(self.configuration);
        let body = self.send(cache, self.deadline, &request, refused, &hold_off_key).await?;
        Account::from_response(body.expose_secret(), account_id)
    }
}
