//! The compiler and the linker for the components, whichever this machine has.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::guest::Goal;
use crate::machine::{Decision, Machine, Remedy};
use crate::{probe, process};

/// What the components are compiled for.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// The linker that wraps the core module into a component.
pub(crate) const LINKER: &str = "wasm-component-ld";

/// Debian's packages with the compiler and the standard library's sources.
pub(crate) const PACKAGES: &[&str] = &["rustc-web", "rust-web-src"];

/// How long rustup may take. Without a network it would try for longer than anyone waits.
const RUSTUP_TIME_LIMIT: Duration = Duration::from_secs(120);

/// Beginnings of the variables that are kept from a build of a component: those of the cargo that runs this
/// tool, which is another compiler's, and those that would make the result depend on who builds it.
const FOREIGN_VARIABLES: &[&str] = &[
    "CARGO_BIN_",
    "CARGO_BUILD_RUST",
    "CARGO_BUILD_TARGET",
    "CARGO_CRATE_",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_INCREMENTAL",
    "CARGO_MANIFEST_",
    "CARGO_PKG_",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_PROFILE_",
    "CARGO_TARGET_DIR",
    "CARGO_TARGET_WASM32_",
    "CARGO_UNSTABLE_",
    "CLIPPY_",
    "LD_LIBRARY_PATH",
    "RUSTC",
    "RUSTDOC",
    "RUSTFLAGS",
    "__CARGO_",
];

/// The linker shortens the numbers for which the compiler had reserved the most bytes that they can take.
const SHORT_NUMBERS: &str = "-Clink-arg=--compress-relocations";

/// SHA-256 with its rounds in a loop: it only ever hashes a few hundred bytes.
const COMPACT_SHA256: &str = "--cfg=sha2_backend_soft=\"compact\"";

/// Vectors of 128 bits. SHA-256 uses them, and the compiler where it can.
const VECTORS: &str = "-Ctarget-feature=+simd128";

/// A compiler for the components.
#[derive(Debug)]
pub(crate) struct Toolchain {
    /// The compiler.
    pub rustc: PathBuf,
    /// The folder below which it is installed.
    pub sysroot: PathBuf,
    /// The linker that makes components.
    linker: PathBuf,
    /// The standard library isn't compiled yet: cargo must do it.
    pub builds_std: bool,
}

/// Finds a compiler for the components, and installs one where that is possible.
pub(crate) fn find() -> Result<Toolchain> {
    let sysroot = process::read(Command::new("rustc").args(["--print", "sysroot"])).map(PathBuf::from)?;
    let linker = probe::find_linker(&sysroot)?;
    let mut machine = Machine::probe(linker.is_some());
    loop {
        match machine.decide() {
            Decision::UseDefaultToolchain => return Toolchain::new(sysroot, linker, false),
            Decision::UseDebianCompiler => {
                return Toolchain::new(probe::debian_sysroot()?, linker, true);
            }
            Decision::AddTarget => {
                let mut command = Command::new("rustup");
                if !process::succeeds_within(command.args(["target", "add", TARGET]), RUSTUP_TIME_LIMIT) {
                    eprintln!("rustup can't add the target {TARGET}; looking for another compiler");
                }
                machine.rustup = Remedy::Failed;
            }
            Decision::InstallPackages => {
                if let Err(error) = install_packages(PACKAGES) {
                    eprintln!("{error:#}");
                }
                machine.packages = Remedy::Failed;
            }
            Decision::Stop(message) => bail!(message),
        }
        machine.look_again();
    }
}

/// Installs Debian packages.
pub(crate) fn install_packages(packages: &[&str]) -> Result<()> {
    eprintln!("installing Debian's packages {}", packages.join(" "));
    for arguments in [&["update"][..], &["install", "--yes", "--no-install-recommends"]] {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").args(arguments);
        if arguments[0] == "install" {
            command.args(packages);
        }
        process::run(&mut command)?;
    }
    Ok(())
}

impl Toolchain {
    /// The toolchain that is installed below a folder.
    fn new(sysroot: PathBuf, linker: Option<PathBuf>, builds_std: bool) -> Result<Self> {
        let rustc = sysroot.join("bin/rustc").with_extension(env::consts::EXE_EXTENSION);
        let linker = linker.with_context(|| format!("the linker {LINKER} is missing"))?;
        Ok(Self { rustc, sysroot, linker, builds_std })
    }

    /// A command that compiles with this toolchain: cargo itself, or a program that calls it.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>, root: &Path, goal: Goal) -> Result<Command> {
        let mut command = Command::new(program);
        command.current_dir(root);
        for (name, _) in env::vars_os().filter(|(name, _)| is_foreign(name)) {
            command.env_remove(name);
        }
        command.env("CARGO", process::cargo());
        command.env("RUSTC", &self.rustc);
        // Empty, not absent: the user's configuration may name wrappers too.
        command.env("RUSTC_WRAPPER", "").env("RUSTC_WORKSPACE_WRAPPER", "");
        command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", &self.linker);
        command.env("CARGO_ENCODED_RUSTFLAGS", self.flags(root, goal)?);
        if self.builds_std {
            command.env("RUSTC_BOOTSTRAP", "1");
        }
        // The linker starts rust-lld, which lies beside it.
        let search_path = env::var_os("PATH").unwrap_or_default();
        let folders =
            self.linker.parent().map(Path::to_path_buf).into_iter().chain(env::split_paths(&search_path));
        command.env("PATH", env::join_paths(folders)?);
        Ok(command)
    }

    /// Compiler flags for a component that tells nothing of this machine: other names stand for its folders
    /// in texts. They are in cargo's own encoding.
    fn flags(&self, root: &Path, goal: Goal) -> Result<OsString> {
        let cargo_home = env::var_os("CARGO_HOME").map(PathBuf::from);
        let cargo_home = cargo_home.or_else(|| Some(env::home_dir()?.join(".cargo")));
        let cargo_home = cargo_home.context("neither CARGO_HOME nor the home folder is known")?;
        let sources = self.sysroot.join("lib/rustlib/src/rust");
        // Debian's link leads elsewhere, and the compiler shows sometimes the one and sometimes the other.
        let linked_sources = sources.canonicalize().unwrap_or_else(|_| sources.clone());
        let folders = [
            (root, "/workspace"),
            (&cargo_home, "/cargo"),
            (&sources, "/rustc"),
            (&linked_sources, "/rustc"),
        ];
        let mut flags = OsString::new();
        for (folder, name) in folders {
            if !flags.is_empty() {
                flags.push("\x1f");
            }
            flags.push("--remap-path-prefix=");
            flags.push(folder);
            flags.push("=");
            flags.push(name);
        }
        let of_goal = match goal {
            Goal::Size => COMPACT_SHA256,
            Goal::Speed => VECTORS,
        };
        for flag in [SHORT_NUMBERS, of_goal] {
            flags.push("\x1f");
            flags.push(flag);
        }
        Ok(flags)
    }
}

/// Whether a variable must not reach the build of a component.
fn is_foreign(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    FOREIGN_VARIABLES.iter().any(|beginning| name.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_the_outer_build_are_kept_out() {
        for name in [
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_MANIFEST_DIR",
            "CARGO_PROFILE_RELEASE_LTO",
            "RUSTC_WORKSPACE_WRAPPER",
            "RUSTFLAGS",
        ] {
            assert!(is_foreign(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn variables_about_downloads_and_the_terminal_are_passed_on() {
        for name in
            ["CARGO_HOME", "CARGO_HTTP_PROXY", "CARGO_NET_OFFLINE", "CARGO_TERM_COLOR", "RUSTUP_TOOLCHAIN"]
        {
            assert!(!is_foreign(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn every_folder_of_this_machine_is_replaced() {
        let sysroot = PathBuf::from("/some/sysroot");
        let toolchain = Toolchain::new(sysroot, Some(PathBuf::from("/bin/linker")), true).unwrap();
        let flags = toolchain.flags(Path::new("/some/root"), Goal::Size).unwrap().into_string().unwrap();
        assert!(
            flags.starts_with("--remap-path-prefix=/some/root=/workspace\x1f--remap-path-prefix="),
            "{flags}"
        );
        assert!(
            flags.contains("\x1f--remap-path-prefix=/some/sysroot/lib/rustlib/src/rust=/rustc"),
            "{flags}"
        );
    }

    #[test]
    fn only_the_fast_components_have_vectors() {
        let toolchain =
            Toolchain::new(PathBuf::from("/some/sysroot"), Some(PathBuf::from("/bin/linker")), false);
        let toolchain = toolchain.unwrap();
        let has_vectors = |goal| {
            let flags = toolchain.flags(Path::new("/some/root"), goal).unwrap().into_string().unwrap();
            assert_eq!(flags.contains(COMPACT_SHA256), !flags.contains(VECTORS), "{flags}");
            flags.contains(VECTORS)
        };
        assert!(has_vectors(Goal::Speed) && !has_vectors(Goal::Size));
    }
}
