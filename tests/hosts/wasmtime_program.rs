//! Finds wasmtime's program, or builds it.

use anyhow::bail;
use credwell_test_programs::{folder, lock, succeed};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// What is built: the newest that rustc 1.95 compiles.
const VERSION: &str = "48.0.8";

/// The oldest version in the search path that is used as it is: the first that serves more than one request per
/// instance is 39, and what is older than a year is of no use to anybody.
const OLDEST_MAJOR_VERSION: u32 = 40;

/// What `serve` takes to run the broker.
const FEATURES: &str = "run,serve,component-model-async,cranelift,parallel-compilation,pooling-allocator,wasi-config,wasi-keyvalue";

/// The program. The tests that need it share it.
pub(crate) fn wasmtime() -> &'static anyhow::Result<PathBuf> {
    static PROGRAM: LazyLock<anyhow::Result<PathBuf>> = LazyLock::new(|| {
        let built = folder("tools")?.join("bin/wasmtime");
        for program in [Path::new("wasmtime"), &built] {
            if major_version(program).is_some_and(|version| version >= OLDEST_MAJOR_VERSION) {
                return Ok(program.to_owned());
            }
        }
        if std::env::var_os("CI").is_none() {
            bail!(
                "there is no wasmtime {OLDEST_MAJOR_VERSION} or later (with CI=1 the test builds it, in minutes)"
            );
        }
        build(&folder("tools")?)?;
        Ok(built)
    });
    &PROGRAM
}

fn major_version(program: &Path) -> Option<u32> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let version = String::from_utf8(output.stdout).ok()?;
    version.strip_prefix("wasmtime ")?.split('.').next()?.parse().ok()
}

/// Builds the program with little optimization: it is built once, and runs for seconds.
fn build(folder: &Path) -> anyhow::Result<()> {
    let _lock = lock(folder)?;
    let objects = folder.join("build");
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["install", "wasmtime-cli", "--version", VERSION, "--locked", "--quiet"])
        .args(["--no-default-features", "--features", FEATURES])
        .arg("--root")
        .arg(folder)
        .arg("--target-dir")
        .arg(&objects)
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "256");
    succeed(&mut cargo)?;
    // Whoever keeps the target folder from one run to the next needs the program only.
    Ok(fs::remove_dir_all(objects)?)
}
