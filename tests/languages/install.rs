//! Installs what the examples depend on.

use crate::example::Example;
use anyhow::Context;
use credwell_test_programs::{folder, lock, once_for, python_environment, succeed};
use host_test::Flavour;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Node.js looks for packages above the program, so the program is copied to where they are installed.
pub(crate) fn node() -> anyhow::Result<Example> {
    succeed(Command::new("node").arg("--version"))?;
    let source = example_folder("node");
    let folder = folder("languages/node")?;
    let _lock = lock(&folder)?;

    let manifests = ["package.json", "package-lock.json"].map(|name| source.join(name));
    once_for(&folder.join("installed"), &manifests, || {
        copy(&manifests, &folder)?;
        // One retry: a machine without a network shouldn't wait for minutes.
        let options = ["--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"];
        succeed(Command::new("npm").arg("ci").args(options).current_dir(&folder))
    })?;

    let scripts = ["transpile.js", "credwell.js", "index.js"].map(|name| source.join(name));
    let component = component()?;
    let inputs = [&manifests[..], &scripts, std::slice::from_ref(&component)].concat();
    once_for(&folder.join("transpiled-from"), &inputs, || {
        copy(&scripts, &folder)?;
        succeed(Command::new("node").arg("transpile.js").arg(&component).current_dir(&folder))
    })?;
    Ok(Example { program: "node".into(), arguments: vec![folder.join("index.js").into()] })
}

pub(crate) fn python() -> anyhow::Result<Example> {
    let source = example_folder("python");
    let program = python_environment(&folder("languages/python")?, source.join("requirements.txt"))?;
    // -B: the source tree stays clean.
    let arguments = vec!["-B".into(), source.join("main.py").into(), component()?.into()];
    Ok(Example { program, arguments })
}

fn example_folder(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(language)
}

/// The component's absolute path. That it is missing is no reason to skip a test.
fn component() -> anyhow::Result<PathBuf> {
    let path = Flavour::Wasmtime.path();
    Ok(path.canonicalize().unwrap_or_else(|_| panic!("no {}: run `cargo xtask build`", path.display())))
}

fn copy(files: &[PathBuf], folder: &Path) -> anyhow::Result<()> {
    for file in files {
        fs::copy(file, folder.join(file.file_name().context("a file's path")?))?;
    }
    Ok(())
}
