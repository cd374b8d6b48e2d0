//! The small components, which compositions and other languages take.

use std::path::{Path, PathBuf};

/// The path of a small component that the build tool has built.
pub(crate) fn small_component(file: impl AsRef<Path>) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/components").join(file)
}
