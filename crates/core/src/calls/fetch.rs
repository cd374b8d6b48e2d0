//! The fetch of an account from the upstream.

use crate::account_id::AccountId;
use crate::cache::Cache;
use crate::calls::credentials::Warning;
use crate::calls::oauth_token;
use crate::configuration::{Authorization, Configuration};
use crate::error::{Error, Refused};
use crate::ports::Ports;
use crate::secret::{ExposeSecret, SecretString};
use crate::upstream::account::Account;
use crate::upstream::deadline::Deadline;
use crate::upstream::request;
use crate::upstream::send::send;

/// The account in the upstream's response.
///
/// The upstream may revoke an OAuth token before its expiry. If it refuses a cached one, the request is sent
/// once more with another token. A failed refresh of the OAuth token adds to `warnings`.
///
/// # Errors
/// The failure of the request for the account or for the OAuth token.
pub(super) async fn account<P: Ports>(
    ports: &P,
    configuration: &Configuration,
    cache: &mut Cache<'_, P>,
    deadline: Deadline,
    account_id: &AccountId,
    warnings: &mut Vec<Warning>,
) -> Result<Account, Error> {
    let request_account = async |bearer: &SecretString, refused| {
        let request = request::for_account(configuration, account_id, bearer);
        let body = send(ports, configuration, deadline, &request, refused).await?;
        Account::from_response(body.expose_secret(), account_id)
    };
    let (id, secret) = match &configuration.authorization {
        Authorization::ApiKey(key) => return request_account(key, Refused::ApiKey).await,
        Authorization::OAuthClient { id, secret } => (id, secret),
    };
    let bearer = oauth_token::get(ports, configuration, cache, deadline, (id, secret), warnings).await?;
    match request_account(&bearer.token, Refused::OAuthToken).await {
        Err(Error::Unauthorized(_)) if bearer.is_cached => {
            let client = (id.as_str(), secret);
            let refused = &bearer.token;
            let bearer = oauth_token::replace(ports, configuration, cache, deadline, client, refused).await?;
            request_account(&bearer.token, Refused::OAuthToken).await
        }
        result => result,
    }
}
