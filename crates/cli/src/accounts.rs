//! Calls of the component for accounts, and what is shown of its answers.

use crate::arguments::OutputArguments;
use crate::cli_error::CliError;
use crate::exit_status::ExitStatus;
use crate::json;
use crate::table::Table;
use crate::terminal::{Terminal, print, print_raw, printable};
use credwell_host::{CallError, Credentials, CredentialsClient, Error, FieldValue};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How many accounts are asked for at the same time. It is few, for the upstream's sake.
const CONCURRENCY_LIMIT: usize = 8;

/// What became of one call.
pub(crate) struct AccountOutcome<T> {
    pub account_id: String,
    pub outcome: Result<T, CallError>,
    pub taken: Duration,
}

/// Makes a call for each account, several at the same time. The answers are in the order of the accounts.
pub(crate) async fn ask<T, Call>(
    client: &CredentialsClient,
    account_ids: Vec<String>,
    terminal: &Terminal,
    call: impl Fn(CredentialsClient, String) -> Call,
) -> Vec<AccountOutcome<T>>
where
    T: Send + 'static,
    Call: Future<Output = Result<T, CallError>> + Send + 'static,
{
    let progress = Arc::new(terminal.progress(account_ids.len()));
    let room = Arc::new(Semaphore::new(CONCURRENCY_LIMIT));
    let mut calls = JoinSet::new();
    for (place, account_id) in account_ids.into_iter().enumerate() {
        let (room, progress) = (Arc::clone(&room), Arc::clone(&progress));
        let call = call(client.clone(), account_id.clone());
        calls.spawn(async move {
            let _permit = room.acquire_owned().await;
            let start = Instant::now();
            let outcome = call.await;
            progress.advance();
            (place, AccountOutcome { account_id, outcome, taken: start.elapsed() })
        });
    }
    let mut answers = calls.join_all().await;
    answers.sort_unstable_by_key(|(place, _)| *place);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// Prints credentials in the form that was asked for, and what failed.
pub(crate) fn show(
    answers: &[AccountOutcome<Credentials>],
    output: &OutputArguments,
    terminal: &Terminal,
) -> Result<ExitStatus, CliError> {
    let status = tell(answers, terminal);
    if output.json {
        print_raw(&answers.iter().map(json::line).collect::<String>())?;
    } else if let Some(name) = &output.field {
        for answer in answers {
            if let Ok(credentials) = &answer.outcome {
                print_raw(&format!("{}\n", field(credentials, name)?))?;
            }
        }
    } else {
        print(&Table::of(answers).to_string())?;
    }
    Ok(status)
}

/// Tells what failed, and the warnings of what didn't.
fn tell(answers: &[AccountOutcome<Credentials>], terminal: &Terminal) -> ExitStatus {
    for AccountOutcome { account_id, outcome, .. } in answers {
        for warning in outcome.iter().flat_map(|credentials| &credentials.warnings) {
            let (case, message) = (warning.case().name(), warning.message());
            terminal.warn(&format!("{}: {case}: {}", printable(account_id), printable(message)));
        }
    }
    tell_failures(answers, terminal)
}

/// Tells what failed.
pub(crate) fn tell_failures<T>(answers: &[AccountOutcome<T>], terminal: &Terminal) -> ExitStatus {
    let statuses = answers.iter().map(|AccountOutcome { account_id, outcome, .. }| match outcome {
        Ok(_) => ExitStatus::Good,
        Err(error) => {
            let hint = match error {
                CallError::Call(Error::Configuration(_)) => crate::settings::HINT,
                _ => "",
            };
            terminal.error(&format!("{}: {}{hint}", printable(account_id), printable(&error.to_string())));
            ExitStatus::of(error)
        }
    });
    ExitStatus::together(statuses.collect::<Vec<_>>())
}

/// The text of one field: the access token, or else of the credentials, or else of the account.
fn field<'a>(credentials: &'a Credentials, name: &str) -> Result<&'a str, CliError> {
    if let (Some(token), json::ACCESS_TOKEN) = (&credentials.access_token, name) {
        return Ok(token);
    }
    let mut fields = credentials.fields.iter().chain(&credentials.account_fields);
    match fields.find(|field| field.name == name) {
        Some(field) => Ok(match &field.value {
            FieldValue::Text(text) | FieldValue::Json(text) => text,
        }),
        None => {
            let token = credentials.access_token.iter().map(|_| json::ACCESS_TOKEN);
            let fields = credentials.fields.iter().chain(&credentials.account_fields);
            let known = token.chain(fields.map(|field| field.name.as_str()));
            Err(CliError::NoField {
                account_id: credentials.account_id.clone(),
                field: name.to_owned(),
                known: known.map(printable).collect(),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::credentials;

    #[test]
    fn a_field_is_looked_for_in_the_credentials_before_the_account() {
        let credentials = credentials(Some("ya29"));
        for (name, text) in [("access_token", "ya29"), ("api_key", "0123456789abcdef"), ("version", "1.50")] {
            assert_eq!(field(&credentials, name).expect(name), text);
        }
        let error = field(&credentials, "token").expect_err("there is none").to_string();
        assert!(error.contains("access_token, api_key, options, version"), "{error}");
        assert!(!error.contains("0123"), "{error}");
    }
}
