//! `credwell demo`: the component on sample accounts.

use crate::accounts::{Answer, tell_failures};
use crate::capabilities::{memory, random_key};
use crate::failure::Failure;
use crate::status::Status;
use crate::table::Table;
use crate::terminal::{Terminal, print};
use credwell_host::{
    Capabilities, CredentialsClient, FixedConfiguration, Flavour, LocalUpstream, Network, Runtime,
};
use std::sync::Arc;
use std::time::Instant;

/// Asks twice for each account, so that the second answer shows the cache.
pub async fn run(terminal: &Terminal) -> Result<Status, Failure> {
    let upstream = LocalUpstream::start().await?;
    let configuration = FixedConfiguration::from_iter([
        ("credwell_api_key", LocalUpstream::API_KEY.to_owned()),
        ("credwell_base_url", upstream.base_url()),
        ("credwell_encryption_keys", format!("run:{}", random_key()?)),
    ]);
    let network = Network::to([upstream.authority()]);
    let capabilities = Capabilities::new(Arc::new(network), memory().await?, Arc::new(configuration));
    let client = CredentialsClient::new(Runtime::new(Flavour::Wasmtime)?, capabilities);
    let mut answers = Vec::new();
    for account_id in LocalUpstream::ACCOUNT_IDS.iter().flat_map(|account_id| [account_id; 2]) {
        let start = Instant::now();
        let outcome = client.get(account_id).await;
        answers.push(Answer { account_id: (*account_id).to_owned(), outcome, taken: start.elapsed() });
    }
    let status = tell_failures(&answers, terminal);
    let count = upstream.count();
    print(&format!("{}\nThe sample upstream on this machine saw {count} requests.\n", Table::of(&answers)))?;
    Ok(status)
}
