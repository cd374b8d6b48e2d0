//! The installation of packages from the registries of other languages that tests need.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use credwell_test_programs::{NODE_EXAMPLE, PYTHON_CLIENTS, PYTHON_EXAMPLE, python_in, succeed};

/// Installs the packages that are missing. One line says what could not be installed.
pub(crate) fn install() {
    for result in [
        NODE_EXAMPLE.install(install_for_node).context("the packages for Node.js"),
        PYTHON_EXAMPLE.install(install_for_python).context("the packages for the example in Python"),
        PYTHON_CLIENTS.install(install_for_python).context("the packages for clients in Python"),
    ] {
        if let Err(error) = result {
            let text = format!("{error:#}");
            eprintln!("not installed: {}", text.lines().next().unwrap_or_default());
        }
    }
}

/// Installs the packages of `package-lock.json` with npm.
fn install_for_node(folder: &Path, manifests: &[PathBuf]) -> Result<()> {
    eprintln!("installing packages for Node.js");
    for manifest in manifests {
        fs::copy(manifest, folder.join(manifest.file_name().context("a manifest has a name")?))?;
    }
    // One retry: a machine without a network must not wait for minutes.
    let options = ["--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"];
    succeed(Command::new("npm").arg("ci").args(options).current_dir(folder))
}

/// Makes a virtual environment with the packages of `requirements.txt`.
fn install_for_python(folder: &Path, manifests: &[PathBuf]) -> Result<()> {
    eprintln!("installing packages for Python");
    succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder.join("environment")))?;
    let options = ["--quiet", "--disable-pip-version-check", "--only-binary=:all:", "--retries=1"];
    let mut pip = Command::new(python_in(folder));
    pip.args(["-m", "pip", "install"]).args(options);
    for manifest in manifests {
        pip.arg("--requirement").arg(manifest);
    }
    succeed(&mut pip)
}
