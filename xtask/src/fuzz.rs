//! `cargo xtask fuzz`: the fuzz targets with many inputs.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::process;

/// Becomes the fuzz targets in `crates/core/tests/fuzz`, each with this number of new inputs.
pub(crate) fn run(root: &Path, cases: u32) -> Result<ExitCode> {
    let mut command = process::host_cargo("test");
    command.args(["--profile", "fuzz", "--package", "credwell-core", "--test", "fuzz", "--", "--nocapture"]);
    command.env("CREDWELL_FUZZ_CASES", cases.to_string()).current_dir(root);
    process::hand_over(&mut command)
}
