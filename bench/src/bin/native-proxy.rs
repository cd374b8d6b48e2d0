//! The program that serves the native proxy on a free port of the loopback. It reads the environment
//! variables of `credwell serve`. With the argument `--seal` it seals what it caches.

use anyhow::Context;
use axum::serve::ListenerExt;
use credwell_bench::native_proxy::{ProxySettings, router};
use tokio::net::TcpListener;

/// The key that seals the cache of this program, which only a benchmark uses.
const SEALING_KEY: [u8; 32] = [0x5a; 32];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let variable = |name: &'static str| std::env::var(name).context(name);
    let seals = std::env::args().skip(1).any(|argument| argument == "--seal");
    let router = router(ProxySettings {
        base_url: variable("CREDWELL_BASE_URL")?,
        api_key: variable("CREDWELL_API_KEY")?,
        tokens: variable("CREDWELL_BROKER_TOKENS")?.split(',').map(str::to_owned).collect(),
        sealing_key: seals.then_some(SEALING_KEY),
    })?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener.tap_io(|stream| _ = stream.set_nodelay(true)), router).await?;
    Ok(())
}
