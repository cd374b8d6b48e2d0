//! The command `credwell forget`: it removes entries from the cache.

use crate::accounts::{call_each, report_errors};
use crate::arguments::SettingArguments;
use crate::capabilities;
use crate::cli_error::CliError;
use crate::exit_status::ExitStatus;
use crate::terminal::{Terminal, print, printable};
use clap::Args;
use credwell_host::CredentialsClient;

pub(crate) const EXAMPLES: &str = "\
Examples:
  $ credwell forget apn_EOhwvQr apn_K3ysTn8";

#[derive(Args)]
pub(crate) struct ForgetArguments {
    /// Ids of accounts, for example apn_EOhwvQr
    #[arg(required = true, value_name = "ACCOUNT_ID")]
    account_ids: Vec<String>,
    #[command(flatten)]
    settings: SettingArguments,
}

pub(crate) async fn run(arguments: ForgetArguments, terminal: &Terminal) -> Result<ExitStatus, CliError> {
    let client = capabilities::client(capabilities::settings(&arguments.settings, terminal)?).await?;
    let call = |client: CredentialsClient, id: String| async move { client.forget(&id).await };
    let outcomes = call_each(&client, arguments.account_ids, terminal, call).await;
    for outcome in outcomes.iter().filter(|outcome| outcome.result.is_ok()) {
        print(&format!("{} is forgotten\n", printable(&outcome.account_id)))?;
    }
    Ok(report_errors(&outcomes, terminal))
}
