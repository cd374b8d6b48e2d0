//! nginx as a cache for credentials: a standard server with a standard cache.
//!
//! It checks the caller's token with a `map`, checks the form of the id with a pattern, caches in files that
//! the system keeps in memory, sends one request for concurrent misses, and logs one line for each response.
//! It does not know the expiry of an account, does not refresh ahead of it, does not seal what it caches, and
//! compares tokens in a time that depends on them.

use crate::server::{Server, free_address};
use crate::upstream::API_KEY;
use anyhow::Context;
use credwell_test_programs::search_path;
use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;

const CONFIGURATION: &str = include_str!("nginx.conf");

/// Starts nginx with its files in `folder`.
///
/// # Errors
///
/// nginx is missing or does not listen.
pub async fn start(folder: &Path, upstream: &str, token: &str, log: Stdio) -> anyhow::Result<Server> {
    let address = free_address()?;
    let upstream = upstream.strip_prefix("http://").context("the upstream's URL")?;
    let replacements = [
        ("TOKEN", token.to_owned()),
        ("UPSTREAM", upstream.to_owned()),
        ("ADDRESS", address.to_string()),
        ("API_KEY", API_KEY.to_owned()),
    ];
    let text =
        replacements.iter().fold(CONFIGURATION.to_owned(), |text, (word, value)| text.replace(word, value));
    let path = folder.join("nginx.conf");
    std::fs::write(&path, text).with_context(|| format!("can't write {}", path.display()))?;
    let mut command = Command::new("nginx");
    command.env("PATH", search_path()).arg("-p").arg(folder).arg("-c").arg(&path);
    // Until it has read its configuration, nginx writes to the log that it was built with.
    command.args(["-e", "stderr"]).stdout(Stdio::null()).stderr(log);
    Server::start_on(address, command).await
}
