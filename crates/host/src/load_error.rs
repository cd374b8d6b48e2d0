//! The error of loading a component.

use std::path::PathBuf;

/// The error of loading a component.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file can't be read, most likely because the component isn't built yet.
    #[error("can't read {}: run `cargo xtask build`", path.display())]
    Unreadable {
        /// The component's file.
        path: PathBuf,
        /// The system's error.
        #[source]
        error: std::io::Error,
    },
    /// The bytes are not a component, or the component doesn't fit this host.
    #[error("the component can't be used: {0:#}")]
    Unusable(wasmtime::Error),
}
