//! The access token that an OAuth client's requests are authorized with. It is a credential like any
//! other: cached, encrypted and refreshed.

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

/// A token.
pub(super) struct OAuthToken {
    /// The token.
    pub token: SecretString,
    /// Whether it was in the cache. The upstream can have revoked it since then.
    pub is_cached: bool,
}

/// The token from the cache while it is fresh, else a new one. A token that is due for a refresh serves on
/// while the refresh fails; that refresh gets half of the time, since the account is yet to be asked for.
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
    let seen = cached.as_ref().map(|entry| entry.header.fetched_at);
    let freshness_of = |entry: &Entry| {
        entry.header.times().freshness(&configuration.refresh, ports.wall_time(), &|| ports.fraction())
    };
    let freshness = cached.as_ref().map(freshness_of);
    let mut entry = match (cached, freshness) {
        (Some(entry), Some(Freshness::Fresh)) => {
            return Ok(OAuthToken { token: entry.content, is_cached: true });
        }
        (Some(entry), Some(Freshness::Stale)) => entry,
        _ => return fetch(ports, configuration, cache, deadline, client, seen).await,
    };
    match fetch(ports, configuration, cache, deadline.halfway(ports), client, seen).await {
        Ok(fetched) => Ok(fetched),
        // It has expired meanwhile.
        Err(error) if freshness_of(&entry) == Freshness::Expired => Err(error),
        Err(error) => {
            entry.header.put_off(&error, ports.wall_time());
            let later = cache.write(&cache_key, &entry.header, &entry.content, seen).await;
            let later = later.filter(|entry| entry.header.kind == Kind::Token);
            if later.is_none() {
                warnings.push(Warning::TokenRefreshFailed(error));
            }
            Ok(OAuthToken { token: later.unwrap_or(entry).content, is_cached: true })
        }
    }
}

/// The token in place of one that the upstream refused: another one from the cache, if another caller has brought
/// one meanwhile, else a new one.
pub(super) async fn replace<P: Ports>(
    ports: &P,
    configuration: &Configuration,
    cache: &mut Cache<'_, P>,
    deadline: Deadline,
    client: (&str, &SecretString),
    refused: &SecretString,
) -> Result<OAuthToken, Error> {
    let cached = cache.read(&CacheKey::of_oauth_token(configuration)).await;
    let seen = cached.as_ref().map(|entry| entry.header.fetched_at);
    match cached.filter(|entry| entry.header.kind == Kind::Token) {
        Some(entry) if !secret::same(&entry.content, refused) => {
            Ok(OAuthToken { token: entry.content, is_cached: true })
        }
        _ => fetch(ports, configuration, cache, deadline, client, seen).await,
    }
}

/// A new token, which is cached if the upstream says how long it lives.
async fn fetch<P: Ports>(
    ports: &P,
    configuration: &Configuration,
    cache: &mut Cache<'_, P>,
    deadline: Deadline,
    (id, secret): (&str, &SecretString),
    seen: Option<UnixMilliseconds>,
) -> Result<OAuthToken, Error> {
    let cache_key = CacheKey::of_oauth_token(configuration);
    let asked_at = ports.wall_time();
    let request = request::for_oauth_token(configuration, id, secret);
    let body = send(ports, configuration, deadline, &request, Refused::OAuthClient).await.map_err(refusal)?;
    let (token, expires_in) = parse(body.expose_secret()).map_err(Error::MalformedResponse)?;
    if let Some(expires_in) = expires_in {
        let header = Header {
            kind: Kind::Token,
            fetched_at: asked_at,
            // Counted from the question: the answer can't have been made earlier.
            expires_at: Some(asked_at.after(expires_in)),
            next_refresh_at: None,
            backoff: None,
        };
        cache.write(&cache_key, &header, &token, seen).await;
    }
    Ok(OAuthToken { token, is_cached: false })
}

/// A token endpoint refuses a client with 400 or 401 (RFC 6749, section 5.2), and some with 403. It knows
/// no accounts, so a 404 is about the URL.
fn refusal(error: Error) -> Error {
    match error {
        Error::UpstreamFailure { status: 400, .. } | Error::Forbidden => {
            Error::Unauthorized(Refused::OAuthClient)
        }
        Error::NotFound => Error::UpstreamFailure { status: 404, retry_after: None },
        other => other,
    }
}

fn parse(body: &[u8]) -> Result<(SecretString, Option<Duration>), Malformed> {
    let body = core::str::from_utf8(body).map_err(|_| Malformed::NotJson)?;
    let answer = Fields::parse(body).ok_or(Malformed::NotJson)?;
    let token = answer.get("access_token").and_then(fields::text).filter(secret::can_be_sent);
    let expires_in = answer.get("expires_in").map(|seconds| {
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
    fn an_answer_gives_the_token_and_its_life() {
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
    fn a_malformed_answer_is_told_by_its_field() {
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
