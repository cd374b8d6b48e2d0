//! The checks that run no test: formatting, clippy and rustdoc for the host crates, clippy for the
//! components.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::toolchain::{self, Toolchain};
use crate::{guest, probe, process};

/// Debian's package with the clippy that belongs to its compiler.
const DEBIAN_CLIPPY_PACKAGE: &str = "rust-web-clippy";

/// Runs all checks, the cheapest first.
pub(crate) fn run(root: &Path) -> Result<()> {
    // Cargo names files by their paths from the present folder.
    let cargo = |subcommand: &str| {
        let mut command = process::host_cargo(subcommand);
        command.current_dir(root);
        command
    };
    process::run(cargo("fmt").args(["--all", "--check"]))?;
    for manifest in guest::own_manifests(root)? {
        process::run(cargo("fmt").args(["--check", "--manifest-path"]).arg(manifest))?;
    }
    process::run(cargo("clippy").args(["--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    // Both are built without their features too: the program for its demo, the stores by embedders.
    for package in ["credwell-cli", "credwell-key-value"] {
        let selection = ["--package", package, "--no-default-features"];
        process::run(cargo("clippy").args(selection).args(["--", "-D", "warnings"]))?;
    }
    let mut rustdoc = cargo("doc");
    rustdoc.env("RUSTDOCFLAGS", "--deny=warnings").args(["--workspace", "--no-deps"]);
    process::run(&mut rustdoc)?;

    let toolchain = toolchain::find()?;
    let debian_clippy = if toolchain.builds_std { Some(debian_clippy(&toolchain)?) } else { None };
    for guest in guest::sources(root)? {
        let mut command = match &debian_clippy {
            Some(program) => toolchain.command(program, root, guest.goal)?,
            None => toolchain.command(process::cargo(), root, guest.goal)?,
        };
        command.arg("clippy");
        guest.select(&mut command, &toolchain, root);
        process::run(command.args(["--", "-D", "warnings"]))?;
    }
    Ok(())
}

/// The clippy of Debian's compiler, which is installed if it is missing: a clippy works with its own compiler
/// only.
fn debian_clippy(toolchain: &Toolchain) -> Result<PathBuf> {
    let program = toolchain.sysroot.join("bin/cargo-clippy");
    let driver = toolchain.sysroot.join("bin/clippy-driver");
    let installed = || program.exists() && driver.exists();
    if !installed() && probe::packages_are_installable() {
        toolchain::install_packages(&[DEBIAN_CLIPPY_PACKAGE])?;
    }
    if !installed() {
        bail!(
            "clippy for {} is missing. Install Debian's package {DEBIAN_CLIPPY_PACKAGE}, or the target for the \
             default toolchain: rustup target add {}",
            toolchain.rustc.display(),
            toolchain::TARGET
        );
    }
    Ok(program)
}
