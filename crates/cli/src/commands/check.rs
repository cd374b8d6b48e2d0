//! The command `credwell check`: a check of the settings and the store.

use crate::arguments::SettingArguments;
use crate::capabilities;
use crate::cli_error::CliError;
use crate::commands::serve;
use crate::exit_status::ExitStatus;
use crate::settings::SettingsError;
use crate::terminal::{Terminal, print, printable};
use clap::Args;
use credwell_core::configuration::settings::BROKER_MODE;
use credwell_host::{CallError, Error};

pub(crate) const EXAMPLES: &str = "\
Examples:
  $ credwell check --config /etc/credwell/config.toml

It checks the settings of `credwell serve` if broker_mode is set, else those of `credwell get`.
It opens the store too.";

/// The account of the call in which the component checks its settings. The call removes the entry of this
/// account, which sends no request to the upstream.
const ACCOUNT_ID: &str = "apn_0";

#[derive(Args)]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    settings: SettingArguments,
}

pub(crate) async fn run(arguments: CheckArguments, terminal: &Terminal) -> Result<ExitStatus, CliError> {
    let settings = capabilities::settings(&arguments.settings, terminal)?;
    let base_url = capabilities::base_url(&settings).to_owned();
    let command = if settings.value(&BROKER_MODE).is_some() {
        serve::prepare(settings).await?;
        "serve"
    } else {
        let client = capabilities::client(settings).await?;
        client.forget(ACCOUNT_ID).await.map_err(|error| match error {
            CallError::Call(Error::Configuration(message)) => SettingsError::Component(message).into(),
            error => CliError::Call(error),
        })?;
        "get"
    };
    print(&format!(
        "The settings for `credwell {command}` are right. The upstream is {}.\n",
        printable(&base_url)
    ))?;
    Ok(ExitStatus::Success)
}
