//! The search for wasmtime's program.

use crate::search_path;
use anyhow::Context;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest version that the tests take. Version 39 is the first that serves more than one request per
/// instance, and an older version is more than a year old.
const OLDEST_MAJOR_VERSION: u32 = 40;

/// The first program on the search path that is recent enough.
///
/// # Errors
///
/// There is none.
pub fn wasmtime() -> anyhow::Result<PathBuf> {
    let path = search_path();
    let mut programs = std::env::split_paths(&path).map(|folder| folder.join("wasmtime"));
    let is_recent =
        |program: &PathBuf| major_version(program).is_some_and(|version| version >= OLDEST_MAJOR_VERSION);
    programs.find(is_recent).with_context(|| format!("there is no wasmtime {OLDEST_MAJOR_VERSION} or later"))
}

fn major_version(program: &Path) -> Option<u32> {
    let output = Command::new(program).arg("--version").output().ok()?;
    parse_major_version(&String::from_utf8(output.stdout).ok()?)
}

fn parse_major_version(text: &str) -> Option<u32> {
    text.strip_prefix("wasmtime ")?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_the_program_prints() {
        assert_eq!(parse_major_version("wasmtime 48.0.8 (a1b2c3d4e 2026-01-01)\n"), Some(48));
        assert_eq!(parse_major_version("wasmtime-cli 8.0.1\n"), None);
    }
}
