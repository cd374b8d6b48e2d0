//! A workflow that calls a third-party app on behalf of a connected account.
//!
//! The workflow gets the account's access token from Credwell before each request. If the app rejects the
//! token, the workflow refreshes the credentials, naming the rejected token, and sends the request once more.
//! The workflow never keeps a token, because Credwell caches the credentials.
//!
//! The component imports `credwell:credentials/credentials`. Compose it with the component that provides this
//! interface on your host: `wac plug workflow.wasm --plug credwell.wasm -o composed.wasm`.

#![warn(missing_docs)]

/// The types and functions of the world in `wit/workflow.wit`.
mod bindings {
    wit_bindgen::generate!({
        // The interface of Credwell, and the world of this component.
        path: ["../../wit", "wit"],
        world: "credwell:workflow/workflow",
        generate_all,
    });
}

use bindings::credwell::credentials::credentials::{
    AccountState, Credentials, Error, RateLimit, Refusal, UpstreamStatus, Warning, get_credentials,
    refresh_credentials,
};
use bindings::exports::credwell::workflow::app::{AppResponse, Guest, WorkflowError};
use std::time::Duration;
use waki::header::AUTHORIZATION;

/// The status of an app that rejects the access token.
const UNAUTHORIZED: u16 = 401;

/// How long the connection to the app may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What the component exports.
struct Workflow;

bindings::export!(Workflow with_types_in bindings);

impl Guest for Workflow {
    fn call_app(account_id: String, url: String) -> Result<AppResponse, WorkflowError> {
        // Over http:// the network could read the token.
        if !url.starts_with("https://") {
            return Err(WorkflowError::InsecureUrl);
        }

        let credentials = get_credentials(&account_id).map_err(no_credentials)?;
        let rejected = access_token(&credentials)?;
        let response = get(&url, rejected)?;
        if response.status != UNAUTHORIZED {
            return Ok(response);
        }

        // The rejected token is named, so that concurrent calls with the same rejected token share one fetch.
        let credentials = refresh_credentials(&account_id, Some(rejected)).map_err(no_credentials)?;
        let response = get(&url, access_token(&credentials)?)?;
        if response.status != UNAUTHORIZED {
            return Ok(response);
        }
        Err(WorkflowError::StillUnauthorized(token_unchanged(credentials.warnings)))
    }
}

/// The access token of an OAuth account. An account that is based on keys has `fields` instead, which each
/// app expects in another part of the request.
fn access_token(credentials: &Credentials) -> Result<&str, WorkflowError> {
    credentials.access_token.as_deref().ok_or(WorkflowError::NoAccessToken)
}

/// Sends a GET request with the access token.
///
/// The crate waki keeps this example short. Credwell itself doesn't use waki: waki limits neither the size of
/// a body nor the time of its transfer, and panics if the host breaks the contract of `wasi:http`.
fn get(url: &str, access_token: &str) -> Result<AppResponse, WorkflowError> {
    let response = waki::Client::new()
        .get(url)
        .header(AUTHORIZATION, format!("Bearer {access_token}"))
        .connect_timeout(CONNECT_TIMEOUT)
        .send()
        .map_err(unreachable)?;
    let status = response.status_code();
    let body = response.body().map_err(unreachable)?;
    Ok(AppResponse { status, body })
}

/// The error of a request that got no complete response.
fn unreachable(error: impl std::fmt::Display) -> WorkflowError {
    WorkflowError::AppUnreachable(format!("{error:#}"))
}

/// The error of a call that got no credentials. Each error of Credwell has a message. A workflow that reacts
/// to some of the errors, for example waits after `rate-limited`, matches them here.
fn no_credentials(error: Error) -> WorkflowError {
    WorkflowError::NoCredentials(match error {
        Error::InvalidAccountId(message)
        | Error::Configuration(message)
        | Error::Unauthorized(Refusal { message, .. })
        | Error::Forbidden(message)
        | Error::NotFound(message)
        | Error::RateLimited(RateLimit { message, .. })
        | Error::UpstreamFailure(UpstreamStatus { message, .. })
        | Error::Unreachable(message)
        | Error::TimedOut(message)
        | Error::MalformedResponse(message)
        | Error::NoCredentials(message)
        | Error::AccountDead(AccountState { message, .. })
        | Error::AccountUnhealthy(AccountState { message, .. })
        | Error::StoreFailure(message) => message,
    })
}

/// The seconds after which Credwell asks the upstream again, if the refresh returned the rejected token.
fn token_unchanged(warnings: Vec<Warning>) -> Option<u64> {
    warnings.into_iter().find_map(|warning| match warning {
        Warning::TokenUnchanged(seconds) => Some(seconds),
        _ => None,
    })
}
