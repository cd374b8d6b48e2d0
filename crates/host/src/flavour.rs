//! The two flavours of the components, and the paths of the built files.

use crate::LoadError;
use std::path::PathBuf;

/// The drafts of `wasi:keyvalue` and `wasi:config` that a component imports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flavour {
    /// The drafts that wasmtime and wasmCloud serve.
    Wasmtime,
    /// The drafts that Spin serves.
    Spin,
}

impl Flavour {
    /// Both flavours.
    pub const ALL: [Self; 2] = [Self::Wasmtime, Self::Spin];

    /// The path of the built credentials component. The folder is the value of the environment variable
    /// `CREDWELL_COMPONENTS`, or else `target/components/fast` in the source tree of the build.
    ///
    /// This is for tests and for programs that run where they were built. On another machine, another user
    /// may be able to create a file at this path, and the program would run its code with the program's
    /// secrets. A program for such a machine carries the component: see
    /// [`Runtime::from_bytes`](crate::Runtime::from_bytes).
    pub fn path(self) -> PathBuf {
        self.path_of(match self {
            Self::Wasmtime => "credwell.wasm",
            Self::Spin => "credwell-spin.wasm",
        })
    }

    /// The path of the built HTTP broker, in the same folder as [`Flavour::path`].
    pub fn broker_path(self) -> PathBuf {
        self.path_of(match self {
            Self::Wasmtime => "credwell-broker.wasm",
            Self::Spin => "credwell-broker-spin.wasm",
        })
    }

    fn path_of(self, file: &str) -> PathBuf {
        let folder = match std::env::var_os("CREDWELL_COMPONENTS") {
            Some(folder) => PathBuf::from(folder),
            None => PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/components/fast")),
        };
        folder.join(file)
    }

    /// Reads the built credentials component.
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
