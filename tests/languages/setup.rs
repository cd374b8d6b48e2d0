//! The setup of each example: its packages, its program and its arguments. `cargo xtask test` installs the
//! packages.

use crate::example::Example;
use crate::small_components::small_component;
use anyhow::Context;
use credwell_test_programs::{NODE_EXAMPLE, PYTHON_EXAMPLE, lock, once_for, python_in, succeed};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Node.js looks for packages above the program, so the program is copied to where they are installed.
pub(crate) fn node() -> anyhow::Result<Example> {
    succeed(Command::new("node").arg("--version"))?;
    let source = example_folder("node");
    let folder = NODE_EXAMPLE.find()?;
    let _lock = lock(&folder)?;

    let scripts = ["transpile.js", "credwell.js", "index.js"].map(|name| source.join(name));
    let component = component()?;
    let inputs = [&scripts[..], &[source.join("package-lock.json"), component.clone()]].concat();
    once_for(&folder.join("transpiled-from"), &inputs, || {
        copy(&scripts, &folder)?;
        succeed(Command::new("node").arg("transpile.js").arg(&component).current_dir(&folder))
    })?;
    Ok(Example { program: "node".into(), arguments: vec![folder.join("index.js").into()] })
}

pub(crate) fn python() -> anyhow::Result<Example> {
    let program = python_in(&PYTHON_EXAMPLE.find()?);
    // -B: the source tree stays clean.
    let script = example_folder("python").join("main.py");
    Ok(Example { program, arguments: vec!["-B".into(), script.into(), component()?.into()] })
}

fn example_folder(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(language)
}

/// The component's absolute path. A missing component is no reason to skip a test.
fn component() -> anyhow::Result<PathBuf> {
    let path = small_component("credwell.wasm");
    Ok(path.canonicalize().unwrap_or_else(|_| panic!("no {}: run `cargo xtask build`", path.display())))
}

fn copy(files: &[PathBuf], folder: &Path) -> anyhow::Result<()> {
    for file in files {
        fs::copy(file, folder.join(file.file_name().context("the path of a file")?))?;
    }
    Ok(())
}
