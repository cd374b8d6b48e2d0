//! The check of the dependencies with cargo-deny: licences, bans, sources and advisories.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::tool::CARGO_DENY;
use crate::{guest, process};

/// How long the download of the advisories may take.
const FETCH_TIME_LIMIT: Duration = Duration::from_secs(120);

/// Checks the dependencies of the workspace and of the guests outside of it. `deny.toml` has the rules.
pub(crate) fn check(root: &Path) -> Result<()> {
    let program = CARGO_DENY.find_or_build()?;
    let mut manifests = vec![root.join("Cargo.toml")];
    manifests.extend(guest::own_manifests(root)?);
    let command = |manifest: &PathBuf| {
        let mut command = Command::new(&program);
        command.args(["--locked", "--workspace"]).arg("--manifest-path").arg(manifest);
        command.arg("--config").arg(root.join("deny.toml")).current_dir(root);
        command
    };
    for manifest in &manifests {
        process::run(command(manifest).args(["check", "bans", "licenses", "sources"]))?;
    }
    // The database of advisories is a Git repository.
    if !process::succeeds_within(command(&manifests[0]).args(["fetch", "db"]), FETCH_TIME_LIMIT) {
        eprintln!("advisories were not checked: their database can't be downloaded");
        return Ok(());
    }
    for manifest in &manifests {
        process::run(command(manifest).args(["check", "advisories"]))?;
    }
    Ok(())
}
