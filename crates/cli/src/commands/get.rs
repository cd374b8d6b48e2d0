//! The command `credwell get`: the credentials of accounts.

use crate::accounts::{call_each, print_credentials};
use crate::arguments::{OutputArguments, SettingArguments};
use crate::capabilities;
use crate::cli_error::CliError;
use crate::exit_status::ExitStatus;
use crate::terminal::Terminal;
use clap::Args;

pub(crate) const EXAMPLES: &str = "\
Examples:
  $ export CREDWELL_API_KEY_FILE=~/.config/pipedream-api-key
  $ credwell get --store memory: apn_EOhwvQr
  $ credwell get --json apn_EOhwvQr apn_K3ysTn8 | jq .fields
  $ TOKEN=$(credwell get --field access_token apn_EOhwvQr)

The table shows only the first characters of secrets. --json and --field print whole secrets.
Times in JSON are milliseconds since 1970. The object of a failed account has account_id and error only.";

#[derive(Args)]
pub(crate) struct GetArguments {
    /// Ids of accounts, for example apn_EOhwvQr. Several are fetched at the same time and printed in this
    /// order
    #[arg(required = true, value_name = "ACCOUNT_ID")]
    account_ids: Vec<String>,
    #[command(flatten)]
    output: OutputArguments,
    #[command(flatten)]
    settings: SettingArguments,
}

pub(crate) async fn run(arguments: GetArguments, terminal: &Terminal) -> Result<ExitStatus, CliError> {
    let GetArguments { account_ids, output, settings } = arguments;
    if output.field.is_some() && account_ids.len() > 1 {
        return Err(CliError::FieldOfSeveral);
    }
    let client = capabilities::client(capabilities::settings(&settings, terminal)?).await?;
    let call = |client: credwell_host::CredentialsClient, id: String| async move { client.get(&id).await };
    let outcomes = call_each(&client, account_ids, terminal, call).await;
    print_credentials(&outcomes, &output, terminal)
}
