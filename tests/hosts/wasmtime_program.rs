//! The program of wasmtime, searched for once.

use std::path::PathBuf;
use std::sync::LazyLock;

/// The program. The tests that need it share the result.
pub(crate) fn wasmtime() -> &'static anyhow::Result<PathBuf> {
    static PROGRAM: LazyLock<anyhow::Result<PathBuf>> = LazyLock::new(credwell_test_programs::wasmtime);
    &PROGRAM
}
