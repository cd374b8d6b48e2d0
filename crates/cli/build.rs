//! The build script of the program: it puts the built components into the program, in a build for production
//! with their precompiled form.
//!
//! A program that read them from a file could run the code of whoever can create that file.

mod precompiled_file;

use std::env;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Where `cargo xtask build` puts the fast components, and `cargo xtask program` their precompiled forms,
/// seen from this package.
const FOLDER: &str = "../../target/components/fast";

/// The name of a component's constant, and its file without the extension.
const COMPONENTS: [(&str, &str); 2] = [("CREDENTIALS", "credwell"), ("BROKER", "credwell-broker")];

fn main() -> ExitCode {
    rerun_if_changed(Path::new("build.rs"));
    rerun_if_changed(Path::new("precompiled_file.rs"));
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
    for (constant, name) in COMPONENTS {
        let file = format!("{name}.wasm");
        let component = folder.join(&file);
        let value = match fs::read(&component) {
            Ok(bytes) => {
                rerun_if_changed(&component);
                let precompiled = if is_production { precompiled(&folder, name, &bytes)? } else { None };
                let component = include(&generated.join(&file), &bytes)?;
                let precompiled = match precompiled {
                    Some(bytes) => {
                        format!("Some({})", include(&generated.join(format!("{name}.cwasm")), &bytes)?)
                    }
                    None => "None".to_owned(),
                };
                format!("Some(Embedded {{ component: {component}, precompiled: {precompiled} }})")
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
        source += &format!("const {constant}: Option<Embedded> = {value};\n");
    }
    let path = generated.join("components.rs");
    fs::write(&path, source).map_err(|error| format!("can't write {}: {error}", path.display()))
}

/// The precompiled form of a component. Without it the program compiles the component at each start.
fn precompiled(folder: &Path, name: &str, component: &[u8]) -> Result<Option<Vec<u8>>, String> {
    // The program that makes precompiled forms is built without one, and with an old one beside it.
    if env::var_os("CARGO_FEATURE_PRECOMPILE").is_some() {
        return Ok(None);
    }
    // wasmtime refuses machine code of another architecture or operating system. It takes that of another C
    // library.
    if platform(&variable("HOST")?) != platform(&variable("TARGET")?) {
        return Ok(None);
    }
    let path = folder.join(format!("{name}.cwasm"));
    match fs::read(&path) {
        Ok(bytes) => {
            rerun_if_changed(&path);
            precompiled_file::check(component, &bytes).map_err(|error| {
                let path = path.display();
                format!("can't use {path}: {error}. Build the program with `cargo xtask program`")
            })?;
            Ok(Some(bytes))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            // As for a component that is not there.
            rerun_if_changed(folder);
            println!(
                "cargo::warning=there is no {name}.cwasm, so the program will compile {name}.wasm at each start: \
                 `cargo xtask program` makes it"
            );
            Ok(None)
        }
        Err(error) => Err(format!("can't read {}: {error}", path.display())),
    }
}

/// Architecture, vendor and operating system of a target, without its C library.
fn platform(target: &str) -> Vec<&str> {
    target.split('-').take(3).collect()
}

/// Writes a file beside the generated source, and returns the expression that includes it.
fn include(path: &Path, bytes: &[u8]) -> Result<String, String> {
    fs::write(path, bytes).map_err(|error| format!("can't write {}: {error}", path.display()))?;
    Ok(format!("include_bytes!({:?})", path.display().to_string()))
}

fn rerun_if_changed(path: &Path) {
    println!("cargo::rerun-if-changed={}", path.display());
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("cargo sets no {name}"))
}
