//! The servers in the host library: the hello component without capabilities, and the broker over a store
//! that is filled before the server listens. Only this module, the calls and the sizes depend on the host.

use crate::core_ports::fill;
use anyhow::Context;
use credwell_host::{Broker, CONNECTION_LIMIT, Capabilities, FixedConfiguration, Flavour, Listener, Network};
use credwell_key_value::KeyValue;
use std::path::PathBuf;
use std::sync::Arc;

/// The store in memory of a filled broker. By default it has less memory, and forgets accounts beyond it.
const MEMORY: &str = "memory:?memory_mebibytes=4096";

/// The beginnings of the names of settings that only the broker takes.
const BROKER_SETTINGS: &str = "credwell_broker_";

/// The path of a component of the benchmarks.
pub fn component_path(name: &str) -> PathBuf {
    Flavour::Wasmtime.broker_path().with_file_name(name)
}

/// Reads a component of the benchmarks.
///
/// # Errors
///
/// The component is not built.
pub fn component(name: &str) -> anyhow::Result<Vec<u8>> {
    let path = component_path(name);
    std::fs::read(&path).with_context(|| format!("can't read {}: run `cargo xtask build`", path.display()))
}

/// A listener for the hello component, on a free port of the loopback.
///
/// # Errors
///
/// The component's file is missing, or no port is free.
pub async fn hello() -> anyhow::Result<Listener> {
    let key_value = credwell_key_value::open(&"memory:".parse()?).await?;
    let broker = Broker::from_bytes(Flavour::Wasmtime, &component("hello.wasm")?)?;
    // The component uses none of these capabilities.
    listen(broker, key_value, &[]).await
}

/// A listener for the broker with these settings, whose store has the entries of `count` accounts. The store
/// is in memory, or in a file.
///
/// # Errors
///
/// The component's file is missing, a setting is wrong, the store fails, or no port is free.
pub async fn broker(
    settings: &[(String, String)],
    file: Option<&str>,
    count: u64,
    body_bytes: usize,
) -> anyhow::Result<Listener> {
    let url = file.map_or_else(|| MEMORY.to_owned(), |path| format!("redb:{path}"));
    let key_value = credwell_key_value::open(&url.parse()?).await?;
    let of_core = settings.iter().filter(|(name, _)| !name.starts_with(BROKER_SETTINGS));
    let of_core: Vec<_> = of_core.cloned().collect();
    fill(&*key_value, &of_core, "w", count, body_bytes).await?;
    listen(Broker::new(Flavour::Wasmtime)?, key_value, settings).await
}

async fn listen(
    broker: Broker,
    key_value: Arc<dyn KeyValue>,
    settings: &[(String, String)],
) -> anyhow::Result<Listener> {
    let base_url = settings.iter().find(|(name, _)| name == "credwell_base_url");
    let authority = base_url.and_then(|(_, url)| url.strip_prefix("http://"));
    let network = Arc::new(Network::to(authority.map(str::to_owned)));
    let configuration = Arc::new(FixedConfiguration::from_iter(settings.iter().cloned()));
    let capabilities = Capabilities::new(network, key_value, configuration);
    let listener = Listener::bind("127.0.0.1:0", broker, capabilities).await?;
    Ok(listener.connections_per_peer(CONNECTION_LIMIT))
}
