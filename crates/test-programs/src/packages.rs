//! The packages of other languages that tests need.

use crate::target::is_done_for;
use crate::{folder, lock, once_for};
use anyhow::ensure;
use std::path::{Path, PathBuf};

/// Packages of another language, in a folder of the target folder. `cargo xtask test` installs them, and a
/// test finds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packages {
    /// The folder in the target folder.
    folder: &'static str,
    /// The files that name the packages, below the folder of the workspace.
    manifests: &'static [&'static str],
}

/// What the example in JavaScript needs, for Node.js.
pub const NODE_EXAMPLE: Packages = Packages {
    folder: "languages/node",
    manifests: &["examples/node/package.json", "examples/node/package-lock.json"],
};

/// What the example in Python needs, in a virtual environment.
pub const PYTHON_EXAMPLE: Packages =
    Packages { folder: "languages/python", manifests: &["examples/python/requirements.txt"] };

/// What clients in Python need, in a virtual environment.
pub const PYTHON_CLIENTS: Packages =
    Packages { folder: "clients/python", manifests: &["tests/clients/requirements.txt"] };

impl Packages {
    /// The folder with the packages.
    ///
    /// # Errors
    ///
    /// The packages are not installed, or others than the manifests name now.
    pub fn find(self) -> anyhow::Result<PathBuf> {
        let folder = folder(self.folder)?;
        let is_installed = is_done_for(&folder.join("installed"), &self.manifests())?;
        ensure!(is_installed, "the packages of {} are not installed", self.manifests[0]);
        Ok(folder)
    }

    /// Installs the packages with `work`, unless that was done before. `work` gets the folder and the
    /// manifests.
    ///
    /// # Errors
    ///
    /// A manifest can't be read, or `work` fails.
    pub fn install(self, work: impl FnOnce(&Path, &[PathBuf]) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let folder = folder(self.folder)?;
        let _lock = lock(&folder)?;
        let manifests = self.manifests();
        once_for(&folder.join("installed"), &manifests, || work(&folder, &manifests))
    }

    fn manifests(self) -> Vec<PathBuf> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        self.manifests.iter().map(|manifest| root.join(manifest)).collect()
    }
}

/// The Python of the virtual environment in a folder.
pub fn python_in(folder: &Path) -> PathBuf {
    folder.join("environment/bin/python")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_manifest_exists() {
        for packages in [NODE_EXAMPLE, PYTHON_EXAMPLE, PYTHON_CLIENTS] {
            assert!(packages.manifests().iter().all(|manifest| manifest.exists()), "{packages:?}");
        }
    }
}
