//! Calls of the component for several accounts, and the output of their results.

use crate::arguments::OutputArguments;
use crate::cli_error::CliError;
use crate::exit_status::ExitStatus;
use crate::json;
use crate::settings::HINT;
use crate::table::Table;
use crate::terminal::{Terminal, print, print_raw, printable};
use credwell_host::{CallError, Credentials, CredentialsClient, Error, FieldValue, Source};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How many calls run at the same time. The number is small, so that the upstream doesn't limit the rate.
const CONCURRENCY_LIMIT: usize = 8;

/// The result of a call for one account.
pub(crate) struct AccountOutcome<T> {
    /// The account id, as it stands in the command line.
    pub account_id: String,
    /// The result of the call.
    pub result: Result<T, CallError>,
    /// The duration of the call.
    pub duration: Duration,
}

/// Makes a call for each account, several at the same time. The outcomes are in the order of the accounts.
pub(crate) async fn call_each<T, Call>(
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
    let permits = Arc::new(Semaphore::new(CONCURRENCY_LIMIT));
    let mut calls = JoinSet::new();
    for (index, account_id) in account_ids.into_iter().enumerate() {
        let (permits, progress) = (Arc::clone(&permits), Arc::clone(&progress));
        let call = call(client.clone(), account_id.clone());
        calls.spawn(async move {
            let _permit = permits.acquire_owned().await;
            let start = Instant::now();
            let result = call.await;
            progress.advance();
            (index, AccountOutcome { account_id, result, duration: start.elapsed() })
        });
    }
    let mut outcomes = calls.join_all().await;
    outcomes.sort_unstable_by_key(|(index, _)| *index);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Prints credentials in the form that the options select. Errors and warnings go to the standard error.
pub(crate) fn print_credentials(
    outcomes: &[AccountOutcome<Credentials>],
    output: &OutputArguments,
    terminal: &Terminal,
) -> Result<ExitStatus, CliError> {
    report_warnings(outcomes, terminal);
    let status = report_errors(outcomes, terminal);
    if output.json {
        print_raw(&outcomes.iter().map(json::line).collect::<String>())?;
    } else if let Some(name) = &output.field {
        for outcome in outcomes {
            if let Ok(credentials) = &outcome.result {
                print_raw(&format!("{}\n", field(credentials, name)?))?;
            }
        }
    } else {
        print(&Table::of(outcomes).to_string())?;
    }
    Ok(status)
}

fn report_warnings(outcomes: &[AccountOutcome<Credentials>], terminal: &Terminal) {
    for AccountOutcome { account_id, result, .. } in outcomes {
        for warning in result.iter().flat_map(|credentials| &credentials.warnings) {
            let (case, message) = (warning.case().name(), warning.message());
            terminal.warn(&format!("{}: {case}: {}", printable(account_id), printable(&message)));
        }
    }
}

/// Writes the errors to the standard error, and returns the exit status for all calls.
pub(crate) fn report_errors<T>(outcomes: &[AccountOutcome<T>], terminal: &Terminal) -> ExitStatus {
    let statuses = outcomes.iter().map(|AccountOutcome { account_id, result, .. }| match result {
        Ok(_) => ExitStatus::Success,
        Err(error) => {
            let hint = match error {
                CallError::Call(Error::Configuration(_)) => HINT,
                _ => "",
            };
            terminal.error(&format!("{}: {}{hint}", printable(account_id), printable(&error.to_string())));
            ExitStatus::of(error)
        }
    });
    ExitStatus::combine(statuses.collect::<Vec<_>>())
}

/// The word for the source of credentials.
pub(crate) fn source_name(source: Source) -> &'static str {
    match source {
        Source::Cache => "cache",
        Source::Upstream => "upstream",
    }
}

/// The text of a field: the access token, else a field of the credentials, else a field of the account.
fn field<'a>(credentials: &'a Credentials, name: &str) -> Result<&'a str, CliError> {
    if let (Some(token), json::ACCESS_TOKEN) = (&credentials.access_token, name) {
        return Ok(token);
    }
    let fields = || credentials.fields.iter().chain(&credentials.account_fields);
    match fields().find(|field| field.name == name) {
        Some(field) => Ok(match &field.value {
            FieldValue::Text(text) | FieldValue::Json(text) => text,
        }),
        None => {
            let token = credentials.access_token.iter().map(|_| json::ACCESS_TOKEN);
            let known = token.chain(fields().map(|field| field.name.as_str()));
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
    fn a_field_of_the_credentials_comes_before_a_field_of_the_account() {
        let credentials = credentials(Some("ya29"));
        for (name, text) in [("access_token", "ya29"), ("api_key", "0123456789abcdef"), ("version", "1.50")] {
            assert_eq!(field(&credentials, name).expect(name), text);
        }
        let error = field(&credentials, "token").expect_err("no such field").to_string();
        assert!(error.contains("access_token, api_key, options, version"), "{error}");
        assert!(!error.contains("0123"), "{error}");
    }
}
