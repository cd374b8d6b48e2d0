//! The build script of the program: it puts the built components into the program.
//!
//! A program that read them from a file could run the code of whoever can create that file.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Where `cargo xtask build` puts the components, seen from this package.
const FOLDER: &str = "../../target/components";

/// The name of a component's constant, and its file.
const COMPONENTS: [(&str, &str); 2] = [("CREDENTIALS", "credwell.wasm"), ("BROKER", "credwell-broker.wasm")];

fn main() -> ExitCode {
    rerun_if_changed(Path::new("build.rs"));
    match write_constants() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cargo::error={error}");
            ExitCode::FAILURE
        }
    }
}

/// Copies the components beside the generated source, which includes the copies.
fn write_constants() -> Result<(), String> {
    let folder = Path::new(&variable("CARGO_MANIFEST_DIR")?).join(FOLDER);
    let generated = PathBuf::from(variable("OUT_DIR")?);
    // The profiles of production inherit from `release`. The others need no component to check the source.
    let is_production = variable("PROFILE")? == "release";
    let mut source = String::new();
    for (constant, file) in COMPONENTS {
        let component = folder.join(file);
        let value = match fs::read(&component) {
            Ok(bytes) => {
                rerun_if_changed(&component);
                let copy = generated.join(file);
                fs::write(&copy, bytes)
                    .map_err(|error| format!("can't write {}: {error}", copy.display()))?;
                format!("Some(include_bytes!({:?}))", copy.display().to_string())
            }
            Err(error) if is_production => {
                let path = component.display();
                return Err(format!("can't read {path}: {error}. Run `cargo xtask build` first"));
            }
            Err(_) => {
                // A component that appears can be old, but its folder then changes. A file that never exists
                // makes this script run with each build.
                rerun_if_changed(if folder.exists() { &folder } else { Path::new("no-component") });
                "None".to_owned()
            }
        };
        source += &format!("/// `{file}`, if it was built before the program.\n");
        source += &format!("const {constant}: Option<&[u8]> = {value};\n");
    }
    let path = generated.join("components.rs");
    fs::write(&path, source).map_err(|error| format!("can't write {}: {error}", path.display()))
}

fn rerun_if_changed(path: &Path) {
    println!("cargo::rerun-if-changed={}", path.display());
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("cargo sets no {name}"))
}
