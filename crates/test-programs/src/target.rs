//! Folders of the target folder, and work that is done once in them.

use anyhow::Context;
use std::fs;
use std::path::{Path, PathBuf};

/// A folder in the target folder that is in use.
///
/// # Errors
///
/// The folder can't be made.
pub fn folder(name: &str) -> anyhow::Result<PathBuf> {
    // The program of a test lies in `target/PROFILE/deps`.
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(3).context("the program of a test lies in a target folder")?;
    let folder = target.join(name);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Keeps other processes out of a folder until the returned file is dropped.
///
/// # Errors
///
/// The lock's file can't be made.
pub fn lock(folder: &Path) -> anyhow::Result<fs::File> {
    let file = fs::File::create(folder.join("lock"))?;
    file.lock()?;
    Ok(file)
}

/// Does `work`, unless it was done before with the same input files.
///
/// # Errors
///
/// An input file can't be read, or the work fails.
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
    // A stamp must not outlive the work that it stands for.
    _ = fs::remove_file(stamp);
    work()?;
    Ok(fs::write(stamp, content)?)
}
