//! The OAuth client's own access token, which authorizes its requests to the upstream. The token is cached,
//! encrypted and refreshed like the credentials of an account, in a flight of its own.

use crate::cache::Cache;
use crate::cache::entry::{Entry, Header, Kind};
use crate::cache::freshness::Freshness;
use crate::cache::key::CacheKey;
use crate::calls::credentials::Warning;
use crate::calls::fetch::UpstreamCall;
use crate::calls::hold_off;
use crate::calls::single_flight::{Flight, Role, Subject};
use crate::error::{Error, Malformed, Refused};
use crate::ports::{Phase, Ports};
use crate::secret::{self, ExposeSecret, SecretString};
use crate::timestamp::UnixMilliseconds;
use crate::upstream::deadline::Deadline;
use crate::upstream::fields::{self, Fields};
use crate::upstream::request;
use alloc::vec::Vec;
use core::time::Duration;

/// The OAuth client's token, and where it comes from.
pub(super) struct OAuthToken {
    /// The token.
    pub token: SecretString,
    /// Whether the token comes from the cache. The upstream can have revoked such a token.
    pub is_cached: bool,
}

/// The OAuth client of a call, which gets tokens from the cache or from the upstream.
pub(super) struct OAuthClient<'c, 'a, P: Ports> {
    upstream: &'c UpstreamCall<'a, P>,
    /// The cache of the call.
    pub cache: &'c mut Cache<'a, P>,
    id: &'a str,
    secret: &'a SecretString,
    cache_key: CacheKey,
}

impl<'c, 'a, P: Ports> OAuthClient<'c, 'a, P> {
    /// The client with this id and secret.
    pub(super) fn new(
        upstream: &'c UpstreamCall<'a, P>,
        cache: &'c mut Cache<'a, P>,
        id: &'a str,
        secret: &'a SecretString,
    ) -> Self {
        let cache_key = CacheKey::of_oauth_token(upstream.configuration);
        Self { upstream, cache, id, secret, cache_key }
    }

    /// The token: from the cache while it is fresh, else from the upstream.
    ///
    /// If the refresh of a stale token fails and the token is still valid, it is the result, with a warning.
    /// That refresh gets half of the time until the deadline. The other half is for the request for the
    /// account.
    ///
    /// # Errors
    /// The failure of the request for the token.
    pub(super) async fn token(&mut self, warnings: &mut Vec<Warning>) -> Result<OAuthToken, Error> {
        let mut flight = self.flight();
        let result = self.token_in_flight(&mut flight, warnings).await;
        self.leave(flight, result).await
    }

    async fn token_in_flight(
        &mut self,
        flight: &mut Flight<'a, P>,
        warnings: &mut Vec<Warning>,
    ) -> Result<OAuthToken, Error> {
        loop {
            let cached = self.read().await;
            let previous_fetched_at = cached.as_ref().map(|entry| entry.header.fetched_at);
            let freshness = cached.as_ref().map(|entry| self.freshness(entry));
            let stale = match (cached, freshness) {
                (Some(entry), Some(Freshness::Fresh)) => return Ok(OAuthToken::of_cache(entry)),
                (Some(entry), Some(Freshness::Stale)) => Some(entry),
                _ => None,
            };
            match (flight.join(self.cache, &self.cache_key).await?, stale) {
                (Role::Follow, Some(stale)) if !flight.observes(self.cache, &self.cache_key).await => {
                    return Ok(OAuthToken::of_cache(stale));
                }
                (Role::Follow, _) => flight.wait(self.cache, self.upstream.deadline).await?,
                (Role::Recheck, _) => {}
                (Role::Lead, None) => {
                    return self.fetch(flight, self.upstream.deadline, previous_fetched_at).await;
                }
                (Role::Lead, Some(stale)) => {
                    let deadline = self.upstream.deadline.halfway(self.upstream.ports);
                    return match self.fetch(flight, deadline, previous_fetched_at).await {
                        Err(error) if self.freshness(&stale) != Freshness::Expired => {
                            Ok(self.fall_back(stale, error, previous_fetched_at, warnings).await)
                        }
                        result => result,
                    };
                }
            }
        }
    }

    /// Returns a stale token after its refresh failed, with a warning, and backs the next refresh off.
    async fn fall_back(
        &mut self,
        mut stale: Entry,
        error: Error,
        previous_fetched_at: Option<UnixMilliseconds>,
        warnings: &mut Vec<Warning>,
    ) -> OAuthToken {
        stale.header.back_off(&error, self.upstream.ports.wall_time());
        let written =
            self.cache.write(&self.cache_key, &stale.header, &stale.content, previous_fetched_at).await;
        let newer = written.filter(|entry| entry.header.kind == Kind::Token);
        if newer.is_none() {
            warnings.push(Warning::TokenRefreshFailed(error));
        }
        OAuthToken::of_cache(newer.unwrap_or(stale))
    }

    /// A token in place of the `refused` one: from the cache if another call has replaced it already, else
    /// from the upstream.
    ///
    /// # Errors
    /// The failure of the request for the token.
    pub(super) async fn other_token(&mut self, refused: &SecretString) -> Result<OAuthToken, Error> {
        let mut flight = self.flight();
        let result = self.other_token_in_flight(&mut flight, refused).await;
        self.leave(flight, result).await
    }

    async fn other_token_in_flight(
        &mut self,
        flight: &mut Flight<'a, P>,
        refused: &SecretString,
    ) -> Result<OAuthToken, Error> {
        loop {
            let cached = self.read().await;
            let previous_fetched_at = cached.as_ref().map(|entry| entry.header.fetched_at);
            if let Some(entry) = cached.filter(|entry| !secret::same(&entry.content, refused)) {
                return Ok(OAuthToken::of_cache(entry));
            }
            match flight.join(self.cache, &self.cache_key).await? {
                Role::Follow => flight.wait(self.cache, self.upstream.deadline).await?,
                Role::Recheck => {}
                Role::Lead => return self.fetch(flight, self.upstream.deadline, previous_fetched_at).await,
            }
        }
    }

    /// The part of this call in the flight for the token.
    fn flight(&self) -> Flight<'a, P> {
        Flight::new(self.upstream.ports, self.upstream.configuration, Subject::OAuthToken)
    }

    async fn leave(
        &mut self,
        mut flight: Flight<'a, P>,
        result: Result<OAuthToken, Error>,
    ) -> Result<OAuthToken, Error> {
        if let Err(error) = &result
            && *error != Error::TimedOut(Phase::Deadline)
        {
            flight.share_failure(self.cache, error).await;
        }
        flight.leave(self.cache, &self.cache_key).await;
        result
    }

    async fn read(&mut self) -> Option<Entry> {
        self.cache.read(&self.cache_key).await.filter(|entry| entry.header.kind == Kind::Token)
    }

    fn freshness(&self, entry: &Entry) -> Freshness {
        let UpstreamCall { ports, configuration, .. } = self.upstream;
        entry.header.times().freshness(&configuration.refresh, ports.wall_time(), &|| ports.fraction())
    }

    /// A token from the upstream. The token is cached if the response has its lifetime.
    async fn fetch(
        &mut self,
        flight: &mut Flight<'a, P>,
        deadline: Deadline,
        previous_fetched_at: Option<UnixMilliseconds>,
    ) -> Result<OAuthToken, Error> {
        let UpstreamCall { ports, configuration, .. } = self.upstream;
        let hold_off_key = CacheKey::of_oauth_token_hold_off(configuration);
        hold_off::check(*ports, self.cache, &hold_off_key).await?;
        // The lifetime counts from the time before the request, because the token is not older than that.
        let requested_at = ports.wall_time();
        let request = request::for_oauth_token(configuration, self.id, self.secret);
        let sent = self.upstream.send(self.cache, deadline, &request, Refused::OAuthClient, &hold_off_key);
        let sent = flight.hold(sent).await;
        let (token, expires_in) =
            parse(sent.map_err(token_error)?.expose_secret()).map_err(Error::MalformedResponse)?;
        if let Some(expires_in) = expires_in {
            let expires_at = Some(requested_at.after(expires_in));
            let header = Header { expires_at, ..Header::new(Kind::Token, requested_at) };
            self.cache.write(&self.cache_key, &header, &token, previous_fetched_at).await;
        }
        Ok(OAuthToken { token, is_cached: false })
    }
}

impl OAuthToken {
    fn of_cache(entry: Entry) -> Self {
        Self { token: entry.content, is_cached: true }
    }
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
