//! The command `credwell demo`: calls for the sample accounts.

use crate::accounts::{AccountOutcome, report_errors};
use crate::capabilities::{memory, random_key};
use crate::cli_error::CliError;
use crate::components;
use crate::exit_status::ExitStatus;
use crate::table::Table;
use crate::terminal::{Terminal, print};
use credwell_core::configuration::settings::{API_KEY, BASE_URL, ENCRYPTION_KEYS};
use credwell_host::{Capabilities, CredentialsClient, FixedConfiguration, Network};
use credwell_sample_upstream::SampleUpstream;
use std::sync::Arc;
use std::time::Instant;

/// Makes two calls for each account. The second result comes from the cache.
pub(crate) async fn run(terminal: &Terminal) -> Result<ExitStatus, CliError> {
    let upstream = SampleUpstream::start().await?;
    let configuration = FixedConfiguration::from_iter([
        (API_KEY.name, SampleUpstream::API_KEY.to_owned()),
        (BASE_URL.name, upstream.base_url()),
        (ENCRYPTION_KEYS.name, format!("run:{}", random_key()?)),
    ]);
    let network = Network::to([upstream.authority()]);
    let capabilities = Capabilities::new(Arc::new(network), memory().await?, Arc::new(configuration));
    let client = CredentialsClient::new(components::credentials()?, capabilities);
    let mut outcomes = Vec::new();
    for account_id in SampleUpstream::ACCOUNT_IDS.iter().flat_map(|account_id| [account_id; 2]) {
        let start = Instant::now();
        let result = client.get(account_id).await;
        let duration = start.elapsed();
        outcomes.push(AccountOutcome { account_id: (*account_id).to_owned(), result, duration });
    }
    let status = report_errors(&outcomes, terminal);
    let count = upstream.count();
    print(&format!("{}\nThe sample upstream on this machine saw {count} requests.\n", Table::of(&outcomes)))?;
    Ok(status)
}
