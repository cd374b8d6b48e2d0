//! Looking at this machine: which compilers and which means of getting one it has.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::machine::{DEBIAN_RUSTC, DebianCompiler, Machine, Remedy};
use crate::process;
use crate::toolchain::{LINKER, TARGET};

impl Machine {
    /// Looks at this machine. Whether the linker is there is known to whoever looked for it.
    pub(crate) fn probe(has_linker: bool) -> Self {
        Self {
            target_is_installed: target_is_installed(),
            has_linker,
            debian_compiler: DebianCompiler::probe(),
            rustup: Remedy::new(find_program("rustup").is_some()),
            packages: Remedy::new(packages_are_installable()),
        }
    }

    /// Looks again at what a remedy may have changed.
    pub(crate) fn look_again(&mut self) {
        self.target_is_installed = target_is_installed();
        self.debian_compiler = DebianCompiler::probe();
    }
}

impl DebianCompiler {
    /// Looks for the compiler in the place where Debian's packages put it.
    fn probe() -> Option<Self> {
        let rustc = Path::new(DEBIAN_RUSTC);
        let release = parse_release(&process::read(Command::new(rustc).arg("-vV")).ok()?)?;
        let sources = debian_sysroot().ok()?.join("lib/rustlib/src/rust/library/std/Cargo.toml");
        Some(Self { release, has_sources: sources.exists() })
    }
}

/// The folder below which Debian's compiler is installed.
pub(crate) fn debian_sysroot() -> Result<PathBuf> {
    process::read(Command::new(DEBIAN_RUSTC).args(["--print", "sysroot"])).map(PathBuf::from)
}

/// Finds a program on the search path.
fn find_program(name: &str) -> Option<PathBuf> {
    let name = format!("{name}{}", env::consts::EXE_SUFFIX);
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(&name)).find(|program| program.is_file())
}

/// Whether this is a Debian on which the tool may install packages.
pub(crate) fn packages_are_installable() -> bool {
    Path::new("/etc/debian_version").exists()
        && find_program("apt-get").is_some()
        && process::read(Command::new("id").arg("--user")).is_ok_and(|user| user == "0")
}

/// Whether the default toolchain can compile for the target. Its folder may exist and yet be empty.
fn target_is_installed() -> bool {
    let mut command = Command::new("rustc");
    let Ok(folder) = process::read(command.args(["--print", "target-libdir", "--target", TARGET])) else {
        return false;
    };
    let Ok(mut entries) = Path::new(&folder).read_dir() else {
        return false;
    };
    entries.any(|entry| entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libstd-")))
}

/// Finds the release's first two numbers in what `rustc -vV` prints.
fn parse_release(text: &str) -> Option<(u32, u32)> {
    let release = text.lines().find_map(|line| line.strip_prefix("release: "))?;
    let mut numbers = release.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Finds the linker: toolchains from rustup have it beside their other tools, and it can be installed by
/// itself.
pub(crate) fn find_linker(sysroot: &Path) -> Result<Option<PathBuf>> {
    let version = process::read(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("`rustc -vV` names no host")?;
    let bundled = sysroot
        .join("lib/rustlib")
        .join(host)
        .join("bin")
        .join(LINKER)
        .with_extension(env::consts::EXE_EXTENSION);
    if bundled.exists() {
        return Ok(Some(bundled));
    }
    Ok(find_program(LINKER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_read_whatever_follows_it() {
        assert_eq!(parse_release("rustc 1.96.0 (x)\nbinary: rustc\nrelease: 1.96.0\n"), Some((1, 96)));
        assert_eq!(parse_release("release: 1.98.0-nightly"), Some((1, 98)));
        assert_eq!(parse_release("something else"), None);
    }
}
