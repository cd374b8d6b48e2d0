//! `cargo xtask mutants`: the mutation tests of the core with cargo-mutants.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::process;
use crate::tool::CARGO_MUTANTS;

/// Becomes cargo-mutants, which changes the core in a copy of the workspace and runs its tests for each
/// change. `.cargo/mutants.toml` has the rules, and `target/mutants/mutants.out` gets the results.
pub(crate) fn run(root: &Path, arguments: &[OsString]) -> Result<ExitCode> {
    let program = CARGO_MUTANTS.find_or_build()?;
    let results = root.join("target/mutants");
    fs::create_dir_all(&results).with_context(|| format!("can't make {}", results.display()))?;
    let mut command = Command::new(program);
    command.args(["mutants", "--package", "credwell-core", "--output"]).arg(&results).args(arguments);
    // The tests are compiled anew for each mutant.
    command.env("CARGO_PROFILE_DEV_DEBUG", "false").current_dir(root);
    process::hand_over(&mut command)
}
