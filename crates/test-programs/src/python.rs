//! Python with the packages that a test needs.

use crate::{lock, once_for, succeed};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The Python of a virtual environment with these requirements. The environment is made in `folder`, once.
///
/// # Errors
///
/// Python, its module `venv` or the package registry is missing.
pub fn python_environment(folder: &Path, requirements: PathBuf) -> anyhow::Result<PathBuf> {
    succeed(Command::new("python3").arg("--version"))?;
    let _lock = lock(folder)?;
    let environment = folder.join("environment");
    let program = environment.join("bin/python");
    once_for(&folder.join("installed"), std::slice::from_ref(&requirements), || {
        succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
        let options = ["--quiet", "--disable-pip-version-check", "--only-binary=:all:", "--retries=1"];
        let mut pip = Command::new(&program);
        succeed(pip.args(["-m", "pip", "install"]).args(options).arg("--requirement").arg(&requirements))
    })?;
    Ok(program)
}
