//! The HTTP broker: the three calls over HTTP, for programs in any language. A program that uses Pipedream's
//! API changes its base URL to the broker's. The broker's responses have the form of that API and come from
//! the cache.
//!
//! The broker does no I/O. A shell passes a [request](IncomingRequest) to [`respond`] and sends the
//! [`Response`].

pub mod authorization;
pub mod caller;
pub mod configuration;
pub mod metrics;
mod observed;
pub mod outcome;
pub mod problem;
pub mod record;
pub mod response;
pub mod route;
pub mod settings;

use crate::account_id::AccountId;
use crate::calls::credentials::Credentials;
use crate::calls::{self, KeyedAccount};
use crate::configuration::{Configuration, Kept, RawSettings, bucket};
use crate::error::Error;
use crate::ports::Ports;
use crate::secret::{self, ExposeSecret, SecretSlice, SecretString};
use alloc::rc::Rc;
use alloc::string::String;
use caller::Caller;
use configuration::BrokerConfiguration;
use observed::Observed;
use problem::Problem;
use record::Record;
use response::Response;
use route::{Action, Route};
use settings::BrokerSettings;

/// The limit on the body of a request, in bytes. The body contains a token and little else.
pub const MAXIMUM_REQUEST_BODY: usize = 16 * 1024;

/// A request to the broker.
#[derive(Debug)]
pub struct IncomingRequest {
    /// The method, as the caller sent it.
    pub method: String,
    /// The path, with the query if there is one.
    pub path_with_query: String,
    /// The header `Authorization`.
    pub authorization: Option<SecretString>,
    /// The header `Cache-Control`.
    pub cache_control: Option<String>,
    /// The body. None if it has more bytes than [`MAXIMUM_REQUEST_BODY`].
    pub body: Option<SecretSlice<u8>>,
}

/// Answers any request. The record is for the log and for [`metrics::count`].
pub async fn respond<P: Ports>(
    ports: &P,
    kept: &Kept<BrokerConfiguration>,
    request: &IncomingRequest,
) -> (Response, Record) {
    let mut record = Record::start(ports, &request.method);
    let observed = Observed::new(ports);
    let response = match Route::find(&request.method, &request.path_with_query) {
        Ok(route) => {
            record.route(&route);
            let result = perform(&observed, kept, request, &route.action, &mut record).await;
            result.unwrap_or_else(|problem| Response::problem(&problem))
        }
        Err(problem) => Response::problem(&problem),
    };
    let response = if request.method == "HEAD" { response.without_body() } else { response };
    record.finish(ports, &response, observed.into_durations());
    (response, record)
}

async fn perform<P: Ports>(
    ports: &P,
    kept: &Kept<BrokerConfiguration>,
    request: &IncomingRequest,
    action: &Action<'_>,
    record: &mut Record,
) -> Result<Response, Problem> {
    match action {
        Action::Health => Ok(Response::health()),
        Action::Options(allowed) => Ok(Response::options(allowed)),
        Action::Metrics => metrics(ports, request).await,
        Action::Get(id) => get(ports, request, admit(ports, kept, request, id, record).await?).await,
        Action::Refresh(id) => refresh(ports, request, admit(ports, kept, request, id, record).await?).await,
        Action::Forget(id) => forget(ports, admit(ports, kept, request, id, record).await?).await,
    }
}

async fn get<P: Ports>(
    ports: &P,
    request: &IncomingRequest,
    admitted: Admitted,
) -> Result<Response, Problem> {
    let Admitted { configuration, account, caller } = admitted;
    let is_forced = request.cache_control.as_deref().is_some_and(has_no_cache);
    let result = if is_forced {
        calls::refresh(ports, &configuration, account, None).await
    } else {
        calls::get(ports, &configuration, account).await
    };
    respond_with(ports, result, is_forced, caller)
}

async fn refresh<P: Ports>(
    ports: &P,
    request: &IncomingRequest,
    admitted: Admitted,
) -> Result<Response, Problem> {
    let Admitted { configuration, account, caller } = admitted;
    let body = request.body.as_ref().ok_or(Problem::RequestTooLarge)?;
    let rejected = rejected_token(body)?;
    let result = calls::refresh(ports, &configuration, account, rejected).await;
    respond_with(ports, result, true, caller)
}

async fn forget<P: Ports>(ports: &P, admitted: Admitted) -> Result<Response, Problem> {
    let Admitted { configuration, account, caller } = admitted;
    let result = calls::forget(ports, &configuration, account).await;
    result.map_err(|error| Problem::upstream(error, caller))?;
    Ok(Response::removed())
}

/// The counters, for the operator: a token of its own allows to read them, and no caller's token does.
async fn metrics<P: Ports>(ports: &P, request: &IncomingRequest) -> Result<Response, Problem> {
    let bearer = authorization::bearer(request.authorization.as_ref())?;
    let mut settings = RawSettings::read(ports).await?;
    let token = BrokerSettings::take(&mut settings)?.metrics_token.ok_or(Problem::NoSuchPath)?;
    if !secret::same(&token, &bearer) {
        return Err(Problem::Unauthenticated);
    }
    let bucket = ports.open(&bucket(&mut settings)).await.map_err(Problem::NoMetrics)?;
    Ok(Response::metrics(metrics::text(&bucket).await.map_err(Problem::NoMetrics)?))
}

/// A caller that has authenticated, and the account that it may have.
struct Admitted {
    configuration: Rc<Configuration>,
    account: KeyedAccount,
    caller: Caller,
}

/// Authenticates the caller and checks that it may have the account. A caller that is not authenticated
/// learns nothing, not even whether an id is well formed. Its request is not counted, so that it causes no
/// write to the store.
async fn admit<P: Ports>(
    ports: &P,
    kept: &Kept<BrokerConfiguration>,
    request: &IncomingRequest,
    id: &str,
    record: &mut Record,
) -> Result<Admitted, Problem> {
    let bearer = authorization::bearer(request.authorization.as_ref())?;
    let broker = BrokerConfiguration::load(ports, kept).await?;
    let BrokerSettings { callers, metrics_token, .. } = &broker.settings;
    let caller = callers.identify(&bearer)?;
    let configuration = broker.calls.clone()?;
    record.counted_in = metrics_token.is_some().then(|| configuration.bucket.clone());
    let account_id = AccountId::parse(id).map_err(|error| Problem::upstream(error.into(), caller))?;
    let configuration = match caller {
        Caller::ApiKey => Rc::new(configuration.for_callers_key(bearer)),
        Caller::BrokerToken => configuration,
    };
    let account = KeyedAccount::new(&configuration, account_id);
    record.account(&account.cache_key);
    callers.allow(&account.id)?;
    Ok(Admitted { configuration, account, caller })
}

fn respond_with(
    ports: &impl Ports,
    result: Result<Credentials, Error>,
    is_forced: bool,
    caller: Caller,
) -> Result<Response, Problem> {
    let credentials = result.map_err(|error| Problem::upstream(error, caller))?;
    Ok(Response::credentials(&credentials, is_forced, ports.wall_time()))
}

/// Whether the header `Cache-Control` of a request has the directive `no-cache` (RFC 9111, section 5.2.1.4).
fn has_no_cache(cache_control: &str) -> bool {
    cache_control.split(',').any(|directive| directive.trim_ascii().eq_ignore_ascii_case("no-cache"))
}

/// The rejected token in a body `{"rejected": "…"}`. None if the body is empty.
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
            assert!(has_no_cache(text), "{text}");
        }
        for text in ["", "max-age=0", "no-cache-please", "no-store"] {
            assert!(!has_no_cache(text), "{text}");
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
