//! The programs that this tool builds with `cargo install` into `target/tools` where the search path lacks
//! them.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use credwell_test_programs::{folder, search_path};

use crate::process;

/// A program on the registry of crates.
pub(crate) struct Tool {
    /// The name of the program.
    pub program: &'static str,
    /// The package with the program, in the form that `cargo install` takes.
    pub package: &'static str,
    /// Further options of `cargo install`.
    pub options: &'static [&'static str],
    /// The arguments with which the program shows its version.
    pub version: &'static [&'static str],
    /// How long the build takes on two processor cores, for the user.
    pub duration: &'static str,
}

/// The server that runs the broker in some tests: the newest version that rustc 1.95 compiles.
pub(crate) const WASMTIME: Tool = Tool {
    program: "wasmtime",
    package: "wasmtime-cli@48.0.8",
    // What `wasmtime serve` needs to run the broker. It does not compile without `run`.
    options: &[
        "--no-default-features",
        "--features",
        "run,serve,component-model-async,cranelift,parallel-compilation,pooling-allocator,wasi-config,wasi-keyvalue",
    ],
    version: &["--version"],
    duration: "3 minutes",
};

/// The program that builds the book.
pub(crate) const MDBOOK: Tool = Tool {
    program: "mdbook",
    package: "mdbook@0.5.4",
    // Without the server for the browser.
    options: &["--no-default-features"],
    version: &["--version"],
    duration: "1 minute",
};

/// The program that checks dependencies.
pub(crate) const CARGO_DENY: Tool = Tool {
    program: "cargo-deny",
    package: "cargo-deny@0.20.2",
    options: &[],
    version: &["--version"],
    duration: "1 minute",
};

/// The program that changes the code to see whether a test fails.
pub(crate) const CARGO_MUTANTS: Tool = Tool {
    program: "cargo-mutants",
    package: "cargo-mutants@27.1.0",
    options: &[],
    version: &["mutants", "--version"],
    duration: "1 minute",
};

/// Compile quickly: the programs run for seconds.
const PROFILE: [(&str, &str); 4] = [
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "false"),
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
];

impl Tool {
    /// The program in the search path or in `target/tools/bin`.
    pub(crate) fn find(&self) -> Option<PathBuf> {
        let name = format!("{}{}", self.program, env::consts::EXE_SUFFIX);
        let programs = env::split_paths(&search_path()).map(|folder| folder.join(&name)).collect::<Vec<_>>();
        programs.into_iter().find(|program| process::read(Command::new(program).args(self.version)).is_ok())
    }

    /// The program, built if it is missing.
    pub(crate) fn find_or_build(&self) -> Result<PathBuf> {
        match self.find() {
            Some(program) => Ok(program),
            None => self.build(),
        }
    }

    /// Builds the program into `target/tools/bin`.
    pub(crate) fn build(&self) -> Result<PathBuf> {
        let Self { program, package, options, duration, .. } = self;
        let tools = folder("tools")?;
        eprintln!("building {package} into {} (once, about {duration})", tools.display());
        let objects = tools.join("build");
        let mut cargo = process::host_cargo("install");
        cargo.args(["--quiet", "--force", package]).args(*options);
        cargo.arg("--root").arg(&tools).arg("--target-dir").arg(&objects).envs(PROFILE);
        process::run(&mut cargo)?;
        // Whoever keeps the target folder between runs needs the program only.
        fs::remove_dir_all(&objects).with_context(|| format!("can't remove {}", objects.display()))?;
        Ok(tools.join("bin").join(program).with_extension(env::consts::EXE_EXTENSION))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_on_the_search_path_is_found() {
        let tool = |program| Tool {
            program,
            package: "none",
            options: &[],
            version: &["--version"],
            duration: "no time",
        };
        assert!(tool("cargo").find().is_some());
        assert!(tool("no-such-program").find().is_none());
    }
}
