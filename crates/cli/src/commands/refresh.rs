//! The command `credwell refresh`: the credentials of an account after an app has rejected its access token.

use crate::accounts::{call_each, print_credentials};
use crate::arguments::{OutputArguments, SettingArguments};
use crate::capabilities;
use crate::cli_error::CliError;
use crate::exit_status::ExitStatus;
use crate::terminal::Terminal;
use clap::Args;
use credwell_host::CredentialsClient;
use secrecy::{ExposeSecret, SecretString};
use std::io::Read;
use std::path::{Path, PathBuf};

pub(crate) const EXAMPLES: &str = "\
Examples:
  $ credwell refresh --rejected-file - --field access_token apn_EOhwvQr <<< \"$TOKEN\"
  $ credwell refresh --json apn_EOhwvQr

If the cache already has another token than the rejected one, that token is printed and no request is sent.";

/// The path that stands for the standard input.
const STANDARD_INPUT: &str = "-";

#[derive(Args)]
pub(crate) struct RefreshArguments {
    /// Id of the account, for example apn_EOhwvQr
    #[arg(value_name = "ACCOUNT_ID")]
    account_id: String,
    /// File with the token that the app has rejected. - stands for the standard input. Without this option,
    /// the account is fetched whatever the cache has
    #[arg(long, value_name = "FILE")]
    rejected_file: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArguments,
    #[command(flatten)]
    settings: SettingArguments,
}

pub(crate) async fn run(arguments: RefreshArguments, terminal: &Terminal) -> Result<ExitStatus, CliError> {
    let RefreshArguments { account_id, rejected_file, output, settings } = arguments;
    let rejected = rejected_file.as_deref().map(read_token).transpose()?;
    let client = capabilities::client(capabilities::settings(&settings, terminal)?).await?;
    let call = |client: CredentialsClient, id: String| {
        let rejected = rejected.clone();
        async move { client.refresh(&id, rejected.as_ref().map(SecretString::expose_secret)).await }
    };
    let outcomes = call_each(&client, vec![account_id], terminal, call).await;
    print_credentials(&outcomes, &output, terminal)
}

/// Reads the rejected token, without the line break at its end.
fn read_token(path: &Path) -> Result<SecretString, CliError> {
    let text = if path == Path::new(STANDARD_INPUT) {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    let text = text.map_err(|error| CliError::RejectedUnreadable { path: path.to_owned(), error })?;
    let text = SecretString::from(text);
    match text.expose_secret().trim_end_matches(['\r', '\n']) {
        "" => Err(CliError::RejectedMissing(path.to_owned())),
        token => Ok(SecretString::from(token)),
    }
}
