//! `cargo xtask program`: the program `credwell` for production, which carries its components precompiled.
//!
//! The compiler of components is a part of the program itself. A build script that called it would have cargo
//! compile wasmtime twice, because the dependencies of a build script have other features. So a small program
//! with the dependencies of `credwell` precompiles the components, and then `credwell` is built with them.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use credwell_test_programs::folder;

use crate::guest::Guest;
use crate::process;
use crate::toolchain;

/// The profile of the root manifest that is for speed.
pub(crate) const PROFILE: &str = "host";

/// The package of the program.
pub(crate) const PACKAGE: &str = "credwell-cli";

/// Builds the components and the program.
pub(crate) fn build(root: &Path) -> Result<()> {
    let toolchain = toolchain::find()?;
    for guest in guests(root)? {
        guest.build(&toolchain, root)?;
    }
    precompile(root, &[PACKAGE])?;
    process::run(cargo("build", root).args(["--package", PACKAGE, "--bin", "credwell"]))
}

/// Writes the precompiled forms of the built components beside them. `packages` are those that are built
/// afterwards: together they determine with which features dependencies are compiled.
pub(crate) fn precompile(root: &Path, packages: &[&str]) -> Result<()> {
    let mut command = cargo("build", root);
    command.args(packages.iter().flat_map(|package| ["--package", package]));
    command.args(["--bin", "credwell-precompile", "--features", "credwell-cli/precompile"]);
    process::run(&mut command)?;
    let components = guests(root)?.map(|guest| guest.path(root));
    process::run(Command::new(folder(PROFILE)?.join("credwell-precompile")).args(components))
}

/// The guests that the program carries.
fn guests(root: &Path) -> Result<[Guest; 2]> {
    Ok([Guest::credentials(root)?, Guest::broker(root)?])
}

/// A cargo command for the profile of production.
pub(crate) fn cargo(subcommand: &str, root: &Path) -> Command {
    let mut command = process::host_cargo(subcommand);
    command.args(["--profile", PROFILE]).current_dir(root);
    command
}
