//! A workflow that calls a third-party app in the name of a connected account.
//!
//! It asks credwell for the account's access token before each request. Where the app refuses the token
//! all the same, it asks for another one, names the refused one, and sends the request once more. It never
//! keeps a token: credwell's cache is there for that.
//!
//! The component imports `credwell:credentials/credentials`. It runs once it is composed with the provider
//! for its host: `wac plug workflow.wasm --plug credwell.wasm -o composed.wasm`.

#![warn(missing_docs)]

/// The types and functions of the world in `wit/workflow.wit`.
mod bindings {
    wit_bindgen::generate!({
        // The interface of credwell, and this component's own world.
        path: ["../../wit", "wit"],
        world: "credwell:workflow/workflow",
        generate_all,
    });
}

use bindings::credwell::credentials::credentials::{
    AccountState, Credentials, Error, RateLimit, UpstreamStatus, Warning, get_credentials,
    refresh_credentials,
};
use bindings::exports::credwell::workflow::app::{AppAnswer, Guest, WorkflowError};
use std::time::Duration;
use waki::header::AUTHORIZATION;

/// The status of an app that refuses the access token.
const UNAUTHORIZED: u16 = 401;

/// How long the connection to the app may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What the component exports.
struct Workflow;

bindings::export!(Workflow with_types_in bindings);

impl Guest for Workflow {
    fn call_app(account_id: String, url: String) -> Result<AppAnswer, WorkflowError> {
        // Everyone on the way could read the token otherwise.
        if !url.starts_with("https://") {
            return Err(WorkflowError::InsecureUrl);
        }

        let credentials = get_credentials(&account_id).map_err(no_credentials)?;
        let rejected = access_token(&credentials)?;
        let answer = get(&url, rejected)?;
        if answer.status != UNAUTHORIZED {
            return Ok(answer);
        }

        // With the rejected token named, credwell fetches once for all the calls that were refused with it.
        let credentials = refresh_credentials(&account_id, Some(rejected)).map_err(no_credentials)?;
        let answer = get(&url, access_token(&credentials)?)?;
        if answer.status != UNAUTHORIZED {
            return Ok(answer);
        }
        Err(WorkflowError::StillUnauthorized(token_unchanged(credentials.warnings)))
    }
}

/// The access token. An account that is based on keys has `fields` in its place, and where those go in a
/// request differs from app to app.
fn access_token(credentials: &Credentials) -> Result<&str, WorkflowError> {
    credentials.access_token.as_deref().ok_or(WorkflowError::NoAccessToken)
}

/// Sends the request.
///
/// waki keeps this short. It limits neither the size of a body nor the time that it takes, and it panics
/// where a host breaks the contract of `wasi:http`, so credwell itself does without it.
fn get(url: &str, access_token: &str) -> Result<AppAnswer, WorkflowError> {
    let response = waki::Client::new()
        .get(url)
        .header(AUTHORIZATION, format!("Bearer {access_token}"))
        .connect_timeout(CONNECT_TIMEOUT)
        .send()
        .map_err(unreachable)?;
    let status = response.status_code();
    let body = response.body().map_err(unreachable)?;
    Ok(AppAnswer { status, body })
}

/// The error of a request without an answer.
fn unreachable(error: impl std::fmt::Display) -> WorkflowError {
    WorkflowError::AppUnreachable(format!("{error:#}"))
}

/// The error of an account without credentials. Each of credwell's errors has a message; a workflow that
/// reacts to some of them, for example by waiting when it is rate limited, branches on the error here.
fn no_credentials(error: Error) -> WorkflowError {
    WorkflowError::NoCredentials(match error {
        Error::InvalidAccountId(message)
        | Error::Configuration(message)
        | Error::Unauthorized(message)
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

/// Credwell's message, if the refresh brought the token that the app had refused.
fn token_unchanged(warnings: Vec<Warning>) -> Option<String> {
    warnings.into_iter().find_map(|warning| match warning {
        Warning::TokenUnchanged(message) => Some(message),
        _ => None,
    })
}
