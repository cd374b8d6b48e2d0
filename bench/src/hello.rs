//! The server of the hello component: the host of `credwell serve` without capabilities. No other module of
//! the load test depends on the host.

use anyhow::Context;
use credwell_host::{Broker, Capabilities, FixedConfiguration, Flavour, Listener, Network};
use std::sync::Arc;

/// A listener for the hello component, on a free port of the loopback.
///
/// # Errors
///
/// The component's file is missing, or no port is free.
pub async fn listener() -> anyhow::Result<Listener> {
    let path = Flavour::Wasmtime.broker_path().with_file_name("hello.wasm");
    let component = std::fs::read(&path)
        .with_context(|| format!("can't read {}: run `cargo xtask build`", path.display()))?;
    // The component uses none of these capabilities.
    let network = Arc::new(Network::to::<String>([]));
    let key_value = credwell_key_value::open(&"memory:".parse()?).await?;
    let configuration = Arc::new(FixedConfiguration::from_iter::<[(String, String); 0]>([]));
    let capabilities = Capabilities::new(network, key_value, configuration);
    let broker = Broker::from_bytes(Flavour::Wasmtime, &component)?;
    Ok(Listener::bind("127.0.0.1:0", broker, capabilities).await?)
}
