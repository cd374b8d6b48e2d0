//! The program that serves a component in the host library, on a free port of the loopback:
//!
//! - `bench-host hello`: the hello component;
//! - `bench-host broker ACCOUNTS [FILE]`: the broker over a store with this number of accounts, in memory or
//!   in a file. It reads the environment variables of `credwell serve`.

use anyhow::{Context, bail};
use credwell_bench::hosted;
use credwell_bench::upstream::BODY_BYTES;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let listener = match *words {
        ["hello"] => hosted::hello().await?,
        ["broker", accounts, ref rest @ ..] => {
            let accounts = accounts.parse().context("the number of accounts")?;
            hosted::broker(&settings(), rest.first().copied(), accounts, BODY_BYTES).await?
        }
        _ => bail!("bench-host hello, or bench-host broker ACCOUNTS [FILE]"),
    };
    println!("listening on http://{}", listener.address());
    listener.serve(std::future::pending()).await;
    Ok(())
}

/// The settings in the environment, with the names that components read.
fn settings() -> Vec<(String, String)> {
    let variables = std::env::vars().filter(|(name, _)| name.starts_with("CREDWELL_"));
    variables.map(|(name, value)| (name.to_lowercase(), value)).collect()
}
