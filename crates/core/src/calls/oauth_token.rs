//! The OAuth client's own access token, which authorizes its requests to the upstream. The token is cached,
//! encrypted and refreshed like the credentials of an account.

use crate::cache::Cache;
use crate::cache::entry::{Entry, Header, Kind};
use crate::cache::freshness::Freshness;
use crate::cache::key::CacheKey;
use crate::calls::credentials::Warning;
use crate::configuration::Configuration;
use crate::error::{Error, Malformed, Refused};
use crate::ports::Ports;
use crate::secret::{self, ExposeSecret, SecretString};
use crate::timestamp::UnixMilliseconds;
use crate::upstream::deadline::Deadline;
use crate::upstream::fields::{self, Fields};
use crate::upstream::request;
use crate::upstream::send::send;
use core::time::Duration;

/// The OAuth client's token, and where it comes from.
pub(super) struct OAuthToken {
    /// The token.
    pub token: SecretString,
    /// Whether the token comes from the cache. The upstream can have revoked such a token.
    pub is_cached: bool,
}

/// The token: from the cache while it is fresh, else from the upstream. `client` is the client's id and
/// secret.
///
/// If the refresh of a stale token fails and the token is still valid, it is the result, with a warning. That
/// refresh gets half of the time until the deadline. The other half is for the request for the account.
///
/// # Errors
/// The failure of the request for the token.
pub(super) async fn get<P: Ports>(
    ports: &P,
    configuration: &Configuration,
    cache: &mut Cache<'_, P>,
    deadline: Deadline,
    client: (&str, &SecretString),
    warnings: &mut Vec<Warning>,
) -> Result<OAuthToken, Error> {
    let cache_key = CacheKey::of_oauth_token(configuration);
    let cached = cache.read(&cache_key).await.filter(|entry| entry.header.kind == Kind::Token);
    let previous_fetched_at = cached.as_ref().map(|entry| entry.header.fetched_at);
    let freshness_of = |entry: &Entry| {
        entry.header.times().freshness(&configuration.refresh, ports.wall_time(), &|| ports.fraction())
    };
    let freshness = cached.as_ref().map(freshness_of);
    let mut entry = match (cached, freshness) {
        (Some(entry), Some(Freshness::Fresh)) => {
            return Ok(OAuthToken { token: entry.content, is_cached: true });
        }
        (Some(entry), Some(Freshness::Stale)) => entry,
        _ => return fetch(ports, configuration, cache, deadline, client, previous_fetched_at).await,
    };
    match fetch(ports, configuration, cache, deadline.halfway(ports), client, previous_fetched_at).await {
        Ok(fetched) => Ok(fetched),
        Err(error) if freshness_of(&entry) == Freshness::Expired => Err(error),
        Err(error) => {
            entry.header.back_off(&error, ports.wall_time());
            let newer = cache.write(&cache_key, &entry.header, &entry.content, previous_fetched_at).await;
            let newer = newer.filter(|entry| entry.header.kind == Kind::Token);
            if newer.is_none() {
                warnings.push(Warning::TokenRefreshFailed(error));
            }
            Ok(OAuthToken { token: newer.unwrap_or(entry).content, is_cached: true })
        }
    }
}

/// A token in place of the `refused` one: from the cache if another call has replaced it already, else from
/// the upstream.
///
/// # Errors
/// The failure of the request for the token.
pub(super) async fn replace<P: Ports>(
    ports: &P,
    configuration: &Configuration,
    cache: &mut Cache<'_, P>,
    deadline: Deadline,
    client: (&str, &SecretString),
    refused: &SecretString,
) -> Result<OAuthToken, Error> {
    let cached = cache.read(&CacheKey::of_oauth_token(configuration)).await;
    let previous_fetched_at = cached.as_ref().map(|entry| entry.header.fetched_at);
    match cached.filter(|entry| entry.header.kind == Kind::Token) {
        Some(entry) if !secret::same(&entry.content, refused) => {
            Ok(OAuthToken { token: entry.content, is_cached: true })
        }
        _ => fetch(ports, configuration, cache, deadline, client, previous_fetched_at).await,
    }
}

/// A token from the upstream. The token is cached if the response has its lifetime.
async fn fetch<P: Ports>(
    ports: &P,
    configuration: &Configuration,
    cache: &mut Cache<'_, P>,
    deadline: Deadline,
    (id, secret): (&str, &SecretString),
    previous_fetched_at: Option<UnixMilliseconds>,
) -> Result<OAuthToken, Error> {
    let cache_key = CacheKey::of_oauth_token(configuration);
    // The lifetime counts from the time before the request, because the token is not older than that.
    let requested_at = ports.wall_time();
    let request = request::for_oauth_token(configuration, id, secret);
    let body =
        send(ports, configuration, deadline, &request, Refused::OAuthClient).await.map_err(token_error)?;
    let (token, expires_in) = parse(body.expose_secret()).map_err(Error::MalformedResponse)?;
    if let Some(expires_in) = expires_in {
        let header = Header {
            kind: Kind::Token,
            fetched_at: requested_at,
            expires_at: Some(requested_at.after(expires_in)),
            next_refresh_at: None,
            backoff: None,
        };
        cache.write(&cache_key, &header, &token, previous_fetched_at).await;
    }
    Ok(OAuthToken { token, is_cached: false })
}

/// The error of a token request. A token endpoint refuses a client with 400 or 401 (RFC 6749, section 5.2),
/// and some endpoints use 403. A 404 is about the URL and not about an account.
fn token_error(error: Error) -> Error {
    match error {
        Error::UpstreamFailure { status: 400, .. } | Error::Forbidden => {
            Error::Unauthorized(Refused::OAuthClient)
        }
        Error::NotFound => Error::UpstreamFailure { status: 404, retry_after: None },
        other => other,
    }
}

/// Reads the response of a token endpoint (RFC 6749, section 5.1): the token, and its lifetime in seconds if
/// the response has it.
fn parse(body: &[u8]) -> Result<(SecretString, Option<Duration>), Malformed> {
    let body = core::str::from_utf8(body).map_err(|_| Malformed::NotJson)?;
    let response = Fields::parse(body).ok_or(Malformed::NotJson)?;
    let token = response.get("access_token").and_then(fields::text).filter(secret::can_be_sent);
    let expires_in = response.get("expires_in").map(|seconds| {
        // Some servers write a whole number with a fraction of zero.
        let seconds = seconds.strip_suffix(".0").unwrap_or(seconds);
        let seconds = seconds.parse().map_err(|_| Malformed::Field("expires_in"))?;
        Ok(Duration::from_secs(seconds))
    });
    Ok((token.ok_or(Malformed::Field("access_token"))?, expires_in.transpose()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_has_the_token_and_its_lifetime() {
        let body =
            br#"{"access_token": "pd-token", "token_type": "Bearer", "expires_in": 3600, "created_at": 1}"#;
        let (token, expires_in) = parse(body).unwrap();
        assert_eq!(token.expose_secret(), "pd-token");
        assert_eq!(expires_in, Some(Duration::from_secs(3600)));
        assert_eq!(parse(br#"{"access_token": "pd-token"}"#).unwrap().1, None);
        let body = br#"{"access_token": "pd-token", "expires_in": 60.0}"#;
        assert_eq!(parse(body).unwrap().1, Some(Duration::from_secs(60)));
    }

    #[test]
    fn the_error_names_a_malformed_field() {
        for (body, expected) in [
            ("", Malformed::NotJson),
            ("[]", Malformed::NotJson),
            ("{}", Malformed::Field("access_token")),
            (r#"{"access_token": null}"#, Malformed::Field("access_token")),
            (r#"{"access_token": ""}"#, Malformed::Field("access_token")),
            (r#"{"access_token": "a\r\nb"}"#, Malformed::Field("access_token")),
            (r#"{"access_token": "a", "expires_in": "3600"}"#, Malformed::Field("expires_in")),
            (r#"{"access_token": "a", "expires_in": -1}"#, Malformed::Field("expires_in")),
            (r#"{"access_token": "a", "expires_in": 1e99}"#, Malformed::Field("expires_in")),
        ] {
            assert_eq!(parse(body.as_bytes()).unwrap_err(), expected, "{body}");
        }
    }
}
