//! The search for the programs and packages of others that tests need, and the skip of a test without them.
//!
//! `cargo xtask test` installs the programs and the packages. A test only looks for them. A test that does
//! not find its program calls [`skip`]: in continuous integration the test then fails, and elsewhere it is
//! counted as skipped.

mod packages;
mod skip;
mod target;
mod wasmtime;

pub use packages::{NODE_EXAMPLE, PYTHON_CLIENTS, PYTHON_EXAMPLE, Packages, python_in};
pub use skip::{RECORD_VARIABLE, SkippedTest, available, skip};
pub use target::{folder, lock, once_for};
pub use wasmtime::wasmtime;

use anyhow::{Context, bail};
use std::process::Command;

/// Runs a program that has to succeed.
///
/// # Errors
///
/// The program is not on this machine, or fails.
pub fn succeed(command: &mut Command) -> anyhow::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("{program} is not on this machine"))?;
    if !output.status.success() {
        bail!("{program} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// The search path with the folders of servers and of the programs that `cargo xtask test` has built.
///
/// # Panics
///
/// A folder's name contains the separator of search paths.
pub fn search_path() -> std::ffi::OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let built = folder("tools").ok().map(|folder| folder.join("bin"));
    // Debian puts servers into a folder that not every user's search path has.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]).chain(built);
    std::env::join_paths(folders).expect("the folders' names have no separator")
}
