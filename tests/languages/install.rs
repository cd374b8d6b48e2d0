//! Installs what the examples depend on.

use crate::example::Example;
use anyhow::{Context, bail};
use host_test::Flavour;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Node.js looks for packages above the program, so the program is copied to where they are installed.
pub fn node() -> anyhow::Result<Example> {
    succeed(Command::new("node").arg("--version"))?;
    let source = example_folder("node");
    let folder = languages_folder()?.join("node");
    fs::create_dir_all(&folder)?;
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

pub fn python() -> anyhow::Result<Example> {
    succeed(Command::new("python3").arg("--version"))?;
    let source = example_folder("python");
    let folder = languages_folder()?.join("python");
    fs::create_dir_all(&folder)?;
    let _lock = lock(&folder)?;

    let environment = folder.join("environment");
    let program = environment.join("bin/python");
    let requirements = source.join("requirements.txt");
    once_for(&folder.join("installed"), std::slice::from_ref(&requirements), || {
        succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
        let options = ["--quiet", "--disable-pip-version-check", "--only-binary=:all:", "--retries=1"];
        let mut pip = Command::new(&program);
        succeed(pip.args(["-m", "pip", "install"]).args(options).arg("--requirement").arg(&requirements))
    })?;
    // -B: the source tree stays clean.
    let arguments = vec!["-B".into(), source.join("main.py").into(), component()?.into()];
    Ok(Example { program, arguments })
}

fn example_folder(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(language)
}

/// The folder `languages` beside cargo's own folder for tests, in whatever target folder is in use.
fn languages_folder() -> anyhow::Result<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().context("a target folder")?;
    Ok(target.join("languages"))
}

/// The component's absolute path. That it is missing is no reason to skip a test.
fn component() -> anyhow::Result<PathBuf> {
    let path = Flavour::Wasmtime.path();
    Ok(path.canonicalize().unwrap_or_else(|_| panic!("no {}: run `cargo xtask build`", path.display())))
}

/// Keeps other processes from installing the same, until it is dropped.
fn lock(folder: &Path) -> anyhow::Result<fs::File> {
    let file = fs::File::create(folder.join("lock"))?;
    file.lock()?;
    Ok(file)
}

/// Does `work`, unless it was done before with the same input files.
fn once_for(
    stamp: &Path,
    inputs: &[PathBuf],
    work: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut content = Vec::new();
    for path in inputs {
        content.extend(fs::read(path).with_context(|| format!("can't read {}", path.display()))?);
    }
    if fs::read(stamp).is_ok_and(|done| done == content) {
        return Ok(());
    }
    // What is left half done must not pass for done.
    _ = fs::remove_file(stamp);
    work()?;
    Ok(fs::write(stamp, content)?)
}

fn copy(files: &[PathBuf], folder: &Path) -> anyhow::Result<()> {
    for file in files {
        fs::copy(file, folder.join(file.file_name().context("a file's path")?))?;
    }
    Ok(())
}

fn succeed(command: &mut Command) -> anyhow::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("{program} isn't on this machine"))?;
    if !output.status.success() {
        bail!("{program} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
