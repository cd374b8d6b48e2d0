//! The programs of others that tests need, and their installation.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::{probe, process, toolchain};

/// A program, and Debian's packages that bring it.
struct Program {
    name: &'static str,
    packages: &'static [&'static str],
}

/// The programs that Debian has. Node.js and Python count as there in any version: the tests say what they lack.
const PROGRAMS: [Program; 8] = [
    Program { name: "redis-server", packages: &["redis-server"] },
    Program { name: "nats-server", packages: &["nats-server"] },
    Program { name: "wrk", packages: &["wrk"] },
    Program { name: "node", packages: &["nodejs"] },
    Program { name: "npm", packages: &["npm"] },
    Program { name: "python3", packages: &["python3", "python3-venv"] },
    Program { name: "openssl", packages: &["openssl"] },
    Program { name: "curl", packages: &["curl"] },
];

/// The version of wasmtime's program that is built: the newest that rustc 1.95 compiles.
const WASMTIME_VERSION: &str = "48.0.8";

/// The features of wasmtime's program that `wasmtime serve` takes to run the broker.
const WASMTIME_FEATURES: &str = "run,serve,component-model-async,cranelift,parallel-compilation,pooling-allocator,wasi-config,wasi-keyvalue";

/// Installs what is missing, as far as this machine and this user can. What stays missing is for the tests to report.
pub fn install(root: &Path) {
    let missing: Vec<_> = PROGRAMS.iter().filter(|program| find(program.name, root).is_none()).collect();
    let packages: Vec<_> = missing.iter().flat_map(|program| program.packages).copied().collect();
    if !packages.is_empty() {
        let names: Vec<_> = missing.iter().map(|program| program.name).collect();
        if !probe::packages_are_installable() {
            eprintln!(
                "missing for some tests: {}. As root: apt-get install {}",
                names.join(", "),
                packages.join(" ")
            );
        } else if let Err(error) = toolchain::install_packages(&packages) {
            eprintln!("missing for some tests: {}. {error:#}", names.join(", "));
        }
    }
    if find("wasmtime", root).is_none()
        && let Err(error) = build_wasmtime(&root.join("target/tools"))
    {
        eprintln!("missing for some tests: wasmtime. {error:#}");
    }
}

/// The program in the search path, in the folder of servers, or among the programs that this tool has built.
fn find(name: &str, root: &Path) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), root.join("target/tools/bin")]);
    folders.map(|folder| folder.join(name)).find(|program| {
        let version =
            Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        version.is_ok()
    })
}

/// Builds wasmtime's program with little optimization: it is built once, and runs for seconds.
fn build_wasmtime(folder: &Path) -> Result<()> {
    eprintln!("building wasmtime {WASMTIME_VERSION} into {} (once, about 6 minutes)", folder.display());
    fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
    let objects = folder.join("build");
    let mut cargo = Command::new(process::cargo());
    cargo
        .args(["install", "wasmtime-cli", "--version", WASMTIME_VERSION, "--locked", "--quiet"])
        .args(["--no-default-features", "--features", WASMTIME_FEATURES])
        .arg("--root")
        .arg(folder)
        .arg("--target-dir")
        .arg(&objects)
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "256");
    process::run(&mut cargo)?;
    // Whoever keeps the target folder between runs needs the program only.
    fs::remove_dir_all(&objects).with_context(|| format!("can't remove {}", objects.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_or_not() {
        let root = Path::new("/no-such-folder");
        assert!(find("cargo", root).is_some());
        assert!(find("no-such-program", root).is_none());
    }
}
