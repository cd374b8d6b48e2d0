//! Why a component can't be run.

use std::path::PathBuf;

/// Why a component can't be run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file can't be read, most likely because it isn't built yet.
    #[error("can't read {}: run `cargo xtask build`", path.display())]
    Unreadable {
        /// The component's file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        error: std::io::Error,
    },
    /// It is no component, or not one for this host.
    #[error("the component can't be used: {0:#}")]
    Unusable(wasmtime::Error),
}
