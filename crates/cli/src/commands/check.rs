//! `credwell check`.

use crate::arguments::SettingArguments;
use crate::capabilities::{self, DEFAULT_BASE_URL};
use crate::cli_error::CliError;
use crate::commands::serve;
use crate::exit_status::ExitStatus;
use crate::settings::SettingsError;
use crate::terminal::{Terminal, print, printable};
use clap::Args;
use credwell_host::{CallError, Error};

pub(crate) const EXAMPLES: &str = "\
Examples:
  $ credwell check --config /etc/credwell/config.toml

With broker_mode set it checks what `credwell serve` reads, else what `credwell get` reads. It opens the store.";

/// The component checks its settings in a call for an account. Forgetting this one sends nothing, and whatever the
/// cache holds for it would be fetched again.
const ACCOUNT_ID: &str = "apn_0";

#[derive(Args)]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    settings: SettingArguments,
}

pub(crate) async fn run(arguments: CheckArguments, terminal: &Terminal) -> Result<ExitStatus, CliError> {
    let settings = capabilities::settings(&arguments.settings, terminal)?;
    let base_url = settings.value("credwell_base_url").unwrap_or(DEFAULT_BASE_URL).to_owned();
    let reader = if settings.value("credwell_broker_mode").is_some() {
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
        "The settings for `credwell {reader}` are right. The upstream is {}.\n",
        printable(&base_url)
    ))?;
    Ok(ExitStatus::Good)
}
