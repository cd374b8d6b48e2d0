//! The two flavours of the components, and where the build tool puts them.

use crate::LoadError;
use std::path::PathBuf;

/// Which drafts of `wasi:keyvalue` and `wasi:config` the component imports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flavour {
    /// The drafts that wasmtime and wasmCloud serve.
    Wasmtime,
    /// The drafts that Spin serves.
    Spin,
}

impl Flavour {
    /// Both flavours, for tests that must hold in each.
    pub const ALL: [Self; 2] = [Self::Wasmtime, Self::Spin];

    /// Where the build tool puts the component: in the folder that the environment variable
    /// `CREDWELL_COMPONENTS` names, or else in `target/components` of the source tree.
    pub fn path(self) -> PathBuf {
        self.path_of(match self {
            Self::Wasmtime => "credwell.wasm",
            Self::Spin => "credwell-spin.wasm",
        })
    }

    /// Where the build tool puts the HTTP broker.
    pub fn broker_path(self) -> PathBuf {
        self.path_of(match self {
            Self::Wasmtime => "credwell-broker.wasm",
            Self::Spin => "credwell-broker-spin.wasm",
        })
    }

    fn path_of(self, file: &str) -> PathBuf {
        let folder = match std::env::var_os("CREDWELL_COMPONENTS") {
            Some(folder) => PathBuf::from(folder),
            None => PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/components")),
        };
        folder.join(file)
    }

    /// The component's bytes.
    ///
    /// # Errors
    ///
    /// [`LoadError::Unreadable`].
    pub fn load(self) -> Result<Vec<u8>, LoadError> {
        read(self.path())
    }
}

pub(crate) fn read(path: PathBuf) -> Result<Vec<u8>, LoadError> {
    std::fs::read(&path).map_err(|error| LoadError::Unreadable { path, error })
}
