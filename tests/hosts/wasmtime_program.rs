//! The search for wasmtime's program.

use anyhow::Context;
use credwell_test_programs::search_path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

/// The oldest version that the tests take. Version 39 is the first that serves more than one request per instance, and
/// an older version is more than a year old.
const OLDEST_MAJOR_VERSION: u32 = 40;

/// The program. The tests that need it share the result.
pub(crate) fn wasmtime() -> &'static anyhow::Result<PathBuf> {
    static PROGRAM: LazyLock<anyhow::Result<PathBuf>> = LazyLock::new(|| {
        let mut candidates = std::env::split_paths(&search_path())
            .map(|folder| folder.join("wasmtime"))
            .collect::<Vec<_>>()
            .into_iter();
        let is_recent =
            |program: &PathBuf| major_version(program).is_some_and(|version| version >= OLDEST_MAJOR_VERSION);
        candidates
            .find(is_recent)
            .with_context(|| format!("there is no wasmtime {OLDEST_MAJOR_VERSION} or later"))
    });
    &PROGRAM
}

fn major_version(program: &PathBuf) -> Option<u32> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let version = String::from_utf8(output.stdout).ok()?;
    version.strip_prefix("wasmtime ")?.split('.').next()?.parse().ok()
}
