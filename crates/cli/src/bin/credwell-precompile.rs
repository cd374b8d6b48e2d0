//! The program `credwell-precompile`: it compiles components for the program `credwell`, which carries them.
//!
//! `cargo xtask program` builds and runs it before it builds the program.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Writes the precompiled form of each component beside it.
fn main() -> ExitCode {
    let components: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    if components.is_empty() {
        eprintln!("Usage: credwell-precompile COMPONENT.wasm...");
        return ExitCode::from(2);
    }
    match components.iter().try_for_each(|component| precompile(component)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes the precompiled form of a component, unless the file has it already: its time of change then stays
/// the same, and cargo does not build the program with it again.
fn precompile(component: &Path) -> Result<(), String> {
    let bytes =
        fs::read(component).map_err(|error| format!("can't read {}: {error}", component.display()))?;
    let bytes =
        credwell_host::precompile(&bytes).map_err(|error| format!("{}: {error}", component.display()))?;
    let precompiled = component.with_extension("cwasm");
    if fs::read(&precompiled).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    fs::write(&precompiled, bytes).map_err(|error| format!("can't write {}: {error}", precompiled.display()))
}
