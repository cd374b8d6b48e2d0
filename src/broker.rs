//! The HTTP broker: the credentials over HTTP, for programs in any language. They change the base URL of Pipedream's
//! API to the broker's, and get what that API gives, from the cache.
//!
//! Like the rest of the logic it does no I/O. A shell hands it a [request](IncomingRequest) and sends its
//! [answer](Answer).

pub mod answer;
pub mod caller;
pub mod problem;
pub mod route;
pub mod settings;

use crate::account_id::AccountId;
use crate::configuration::Configuration;
use crate::credentials::Credentials;
use crate::error::Error;
use crate::get_credentials::{forget, get, refresh};
use crate::ports::Ports;
use crate::secret::{ExposeSecret, SecretSlice, SecretString};
use crate::settings::Settings;
use answer::Answer;
use caller::Caller;
use problem::Problem;
use route::{Action, Route};
use settings::BrokerSettings;

/// The most that a request's body may have, in bytes: a token, and what is around it.
pub const MAXIMUM_REQUEST_BODY: usize = 16 * 1024;

/// A request to the broker.
#[derive(Debug)]
pub struct IncomingRequest {
    /// The method, as it was sent.
    pub method: String,
    /// The path, and the query if there is one.
    pub path_with_query: String,
    /// `Authorization`.
    pub authorization: Option<SecretString>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// The body; none if it has more than [`MAXIMUM_REQUEST_BODY`].
    pub body: Option<SecretSlice<u8>>,
}

/// Answers a request, whatever it is.
pub async fn answer<P: Ports>(ports: &P, request: &IncomingRequest) -> Answer {
    let route = match Route::find(&request.method, &request.path_with_query) {
        Ok(route) => route,
        Err(problem) => return Answer::problem(&problem),
    };
    let answered = match route.action {
        Action::Health => Ok(Answer::health()),
        Action::Options(allowed) => Ok(Answer::options(allowed)),
        Action::Get(id) => give(ports, request, id).await,
        Action::Refresh(id) => replace(ports, request, id).await,
        Action::Forget(id) => remove(ports, request, id).await,
    };
    let answer = answered.unwrap_or_else(|problem| Answer::problem(&problem));
    if route.is_head { answer.without_body() } else { answer }
}

async fn give<P: Ports>(ports: &P, request: &IncomingRequest, id: &str) -> Result<Answer, Problem> {
    let Admitted { configuration, account_id, caller } = admit(ports, request, id).await?;
    let is_forced = request.cache_control.as_deref().is_some_and(asks_past_the_cache);
    let given = if is_forced {
        refresh(ports, &configuration, account_id, None).await
    } else {
        get(ports, &configuration, account_id).await
    };
    answer_with(ports, given, is_forced, caller)
}

async fn replace<P: Ports>(ports: &P, request: &IncomingRequest, id: &str) -> Result<Answer, Problem> {
    let Admitted { configuration, account_id, caller } = admit(ports, request, id).await?;
    let body = request.body.as_ref().ok_or(Problem::RequestTooLarge)?;
    let rejected = rejected_token(body)?;
    let given = refresh(ports, &configuration, account_id, rejected).await;
    answer_with(ports, given, true, caller)
}

async fn remove<P: Ports>(ports: &P, request: &IncomingRequest, id: &str) -> Result<Answer, Problem> {
    let Admitted { configuration, account_id, caller } = admit(ports, request, id).await?;
    let removed = forget(ports, &configuration, account_id).await;
    removed.map_err(|error| Problem::upstream(error, caller))?;
    Ok(Answer::removed())
}

/// A caller who may have what it asks for.
struct Admitted {
    configuration: Configuration,
    account_id: AccountId,
    caller: Caller,
}

/// Nothing is told to a caller who can't say who it is, not even whether an id is well formed.
async fn admit<P: Ports>(ports: &P, request: &IncomingRequest, id: &str) -> Result<Admitted, Problem> {
    let bearer = caller::bearer(request.authorization.as_ref())?;
    let mut settings = Settings::read(ports).await?;
    let broker = BrokerSettings::take(&mut settings)?;
    let caller = broker.identify(&bearer)?;
    let callers_key = (caller == Caller::OfTheUpstream).then_some(bearer);
    let mut configuration = Configuration::take(&mut settings, callers_key)?;
    settings.finish()?;
    configuration.refresh.recheck = broker.recheck();
    let account_id = AccountId::parse(id).map_err(|error| Problem::upstream(error, caller))?;
    broker.allow(&account_id)?;
    Ok(Admitted { configuration, account_id, caller })
}

fn answer_with(
    ports: &impl Ports,
    given: Result<Credentials, Error>,
    is_forced: bool,
    caller: Caller,
) -> Result<Answer, Problem> {
    let credentials = given.map_err(|error| Problem::upstream(error, caller))?;
    Ok(Answer::credentials(&credentials, is_forced, ports.wall_time()))
}

/// Whether a request's `Cache-Control` has `no-cache` (RFC 9111, section 5.2.1.4).
fn asks_past_the_cache(cache_control: &str) -> bool {
    cache_control.split(',').any(|directive| directive.trim_ascii().eq_ignore_ascii_case("no-cache"))
}

/// The rejected token in a body: `{"rejected": "…"}`. None in an empty body.
fn rejected_token(body: &SecretSlice<u8>) -> Result<Option<SecretString>, Problem> {
    #[derive(serde::Deserialize)]
    struct Body {
        rejected: Option<String>,
    }

    if body.expose_secret().trim_ascii().is_empty() {
        return Ok(None);
    }
    let body: Body = serde_json::from_slice(body.expose_secret()).map_err(|_| Problem::MalformedBody)?;
    Ok(body.rejected.map(SecretString::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cache_is_found_among_the_directives() {
        for text in ["no-cache", "No-Cache", "max-age=0, no-cache", " no-cache ,x"] {
            assert!(asks_past_the_cache(text), "{text}");
        }
        for text in ["", "max-age=0", "no-cache-please", "no-store"] {
            assert!(!asks_past_the_cache(text), "{text}");
        }
    }

    #[test]
    fn the_rejected_token_is_read() {
        let read = |body: &str| rejected_token(&body.as_bytes().to_vec().into());
        assert!(read("").unwrap().is_none() && read(" \n").unwrap().is_none());
        assert!(read("{}").unwrap().is_none() && read(r#"{"rejected": null}"#).unwrap().is_none());
        assert_eq!(read(r#"{"rejected": "one", "more": 1}"#).unwrap().unwrap().expose_secret(), "one");
        for body in ["one", "[]", r#"{"rejected": 1}"#, "{"] {
            assert!(read(body).is_err(), "{body}");
        }
    }
}
