//! `credwell demo`: the component on sample accounts.

use crate::accounts::{AccountOutcome, tell_failures};
use crate::capabilities::{memory, random_key};
use crate::cli_error::CliError;
use crate::exit_status::ExitStatus;
use crate::table::Table;
use crate::terminal::{Terminal, print};
use credwell_host::{Capabilities, CredentialsClient, FixedConfiguration, Flavour, Network, Runtime};
use credwell_sample_upstream::SampleUpstream;
use std::sync::Arc;
use std::time::Instant;

/// Asks twice for each account, so that the second answer shows the cache.
pub(crate) async fn run(terminal: &Terminal) -> Result<ExitStatus, CliError> {
    let upstream = SampleUpstream::start().await?;
    let configuration = FixedConfiguration::from_iter([
        ("credwell_api_key", SampleUpstream::API_KEY.to_owned()),
        ("credwell_base_url", upstream.base_url()),
        ("credwell_encryption_keys", format!("run:{}", random_key()?)),
    ]);
    let network = Network::to([upstream.authority()]);
    let capabilities = Capabilities::new(Arc::new(network), memory().await?, Arc::new(configuration));
    let client = CredentialsClient::new(Runtime::new(Flavour::Wasmtime)?, capabilities);
    let mut answers = Vec::new();
    for account_id in SampleUpstream::ACCOUNT_IDS.iter().flat_map(|account_id| [account_id; 2]) {
        let start = Instant::now();
        let outcome = client.get(account_id).await;
        answers.push(AccountOutcome {
            account_id: (*account_id).to_owned(),
            outcome,
            taken: start.elapsed(),
        });
    }
    let status = tell_failures(&answers, terminal);
    let count = upstream.count();
    print(&format!("{}\nThe sample upstream on this machine saw {count} requests.\n", Table::of(&answers)))?;
    Ok(status)
}
