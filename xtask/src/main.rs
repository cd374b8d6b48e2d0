//! The build tool: `cargo xtask <command>`.

mod deny;
mod docs;
mod fuzz;
mod guest;
mod interface;
mod lint;
mod machine;
mod mutants;
mod probe;
mod process;
mod production;
mod programs;
mod request;
mod run;
mod testing;
mod tool;
mod toolchain;

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::request::{HELP, Request};

fn main() -> ExitCode {
    match Request::parse(env::args_os().skip(1)).and_then(perform) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Carries out a request. The exit status of this tool is the one of the last program that it has run.
fn perform(request: Request) -> Result<ExitCode> {
    match request {
        Request::Build => print!("{}", build(&workspace_root()?)?),
        Request::Program => production::build(&workspace_root()?)?,
        Request::Run(arguments) => return run::run(&workspace_root()?, &arguments),
        Request::Test { installs, arguments } => {
            let root = workspace_root()?;
            if installs {
                testing::install();
            }
            eprint!("{}", build(&root)?);
            return testing::run(&root, &arguments);
        }
        Request::Bench(arguments) => return bench(&workspace_root()?, &arguments),
        Request::Fuzz(cases) => return fuzz::run(&workspace_root()?, cases),
        Request::Mutants(arguments) => return mutants::run(&workspace_root()?, &arguments),
        Request::Lint => lint::run(&workspace_root()?)?,
        Request::Docs => docs::build(&workspace_root()?)?,
        Request::Deny => deny::check(&workspace_root()?)?,
        Request::Help => print!("{HELP}"),
    }
    Ok(ExitCode::SUCCESS)
}

/// The folder of the workspace's manifest.
fn workspace_root() -> Result<PathBuf> {
    let package = env::var_os("CARGO_MANIFEST_DIR").context("start this tool as `cargo xtask`")?;
    let root = Path::new(&package).parent();
    Ok(root.context("the package of the build tool has no folder above it")?.to_path_buf())
}

/// Builds every component and returns a description of them.
fn build(root: &Path) -> Result<String> {
    let toolchain = toolchain::find()?;
    let mut description = String::new();
    for guest in guest::all(root)? {
        let component = guest.build(&toolchain, root)?;
        let shown = component.strip_prefix(root).unwrap_or(&component);
        description.push_str(&interface::describe(&component, shown)?);
    }
    Ok(description)
}

/// Builds the components and the servers, and becomes the program of the benchmarks.
fn bench(root: &Path, arguments: &[OsString]) -> Result<ExitCode> {
    programs::install(&["nginx", "redis-server", "wrk"]);
    // Standard output belongs to the path of the report.
    eprint!("{}", build(root)?);
    let packages = [production::PACKAGE, "credwell-bench"];
    production::precompile(root, &packages)?;
    let packages = packages.iter().flat_map(|package| ["--package", package]);
    process::run(production::cargo("build", root).args(packages).arg("--bins"))?;
    let mut bench = production::cargo("run", root);
    bench.args(["--package", "credwell-bench", "--bin", "credwell-bench", "--"]).args(arguments);
    process::hand_over(&mut bench)
}
