//! Installs what other languages need, into the target folder, once.

use anyhow::{Context, bail};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What was installed. Where that wasn't possible, for want of a program or of a network, the test says `skipped` and
/// goes on without it, except in continuous integration.
pub fn installed<'a, T>(name: &str, result: &'a anyhow::Result<T>) -> Option<&'a T> {
    match result {
        Ok(installed) => Some(installed),
        Err(error) if std::env::var_os("CI").is_some() => panic!("{name} can't run: {error:#}"),
        Err(error) => {
            let error = format!("{error:#}");
            let reason = error.lines().next().unwrap_or_default();
            // The macros' output is shown only for tests that fail.
            _ = writeln!(std::io::stderr(), "skipped: {name}: {reason}");
            None
        }
    }
}

/// A folder beside cargo's own folder for tests, in whatever target folder is in use.
pub fn folder(name: &str) -> anyhow::Result<PathBuf> {
    // A test's program lies in `target/PROFILE/deps`.
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(3).context("a test's program lies in a target folder")?;
    let folder = target.join(name);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Python with packages in an environment of its own, which is made in this folder.
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

/// Keeps other processes from installing the same, until it is dropped.
pub fn lock(folder: &Path) -> anyhow::Result<fs::File> {
    let file = fs::File::create(folder.join("lock"))?;
    file.lock()?;
    Ok(file)
}

/// Does `work`, unless it was done before with the same input files.
pub fn once_for(
    stamp: &Path,
    inputs: &[PathBuf],
    work: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut content = Vec::new();
    for path in inputs {
        content.extend(fs::read(path).with_context(|| format!("can't read {}", path.display()))?);
    }
    if fs::read(stamp).is_ok_and(|done| done == content) {
        return Ok(());
    }
    // What is left half done must not pass for done.
    _ = fs::remove_file(stamp);
    work()?;
    Ok(fs::write(stamp, content)?)
}

/// Runs a program that has to succeed.
pub fn succeed(command: &mut Command) -> anyhow::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("{program} isn't on this machine"))?;
    if !output.status.success() {
        bail!("{program} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
