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
    // The program of a test lies in `target/PROFILE/deps`, another program in `target/PROFILE`.
    let program = std::env::current_exe()?;
    let mut folders = program.ancestors().skip(1).skip_while(|folder| folder.ends_with("deps"));
    let target = folders.nth(1).context("the program lies in no target folder")?;
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

/// Does `work`, unless it was done before with the same input files. The stamp is a file for this function
/// alone.
///
/// # Errors
///
/// An input file can't be read, or the work fails.
pub fn once_for(
    stamp: &Path,
    inputs: &[PathBuf],
    work: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    if is_done_for(stamp, inputs)? {
        return Ok(());
    }
    // A stamp must not outlive the work that it stands for.
    _ = fs::remove_file(stamp);
    work()?;
    Ok(fs::write(stamp, content_of(inputs)?)?)
}

/// Whether [`once_for`] has done the work for the same input files.
pub(crate) fn is_done_for(stamp: &Path, inputs: &[PathBuf]) -> anyhow::Result<bool> {
    let content = content_of(inputs)?;
    Ok(fs::read(stamp).is_ok_and(|done| done == content))
}

fn content_of(files: &[PathBuf]) -> anyhow::Result<Vec<u8>> {
    let mut content = Vec::new();
    for path in files {
        content.extend(fs::read(path).with_context(|| format!("can't read {}", path.display()))?);
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_once_for_the_same_files() -> anyhow::Result<()> {
        let folder = folder(&format!("tmp/once-{}", std::process::id()))?;
        let (stamp, input) = (folder.join("stamp"), folder.join("input"));
        let inputs = std::slice::from_ref(&input);
        let mut count = 0;
        for (content, expected) in [("a", 1), ("a", 1), ("b", 2), ("b", 2)] {
            fs::write(&input, content)?;
            once_for(&stamp, inputs, || {
                count += 1;
                Ok(())
            })?;
            assert_eq!(count, expected);
        }
        fs::write(&input, "c")?;
        assert!(once_for(&stamp, inputs, || anyhow::bail!("no")).is_err());
        fs::write(&input, "b")?;
        assert!(!is_done_for(&stamp, inputs)?);
        Ok(fs::remove_dir_all(folder)?)
    }
}
