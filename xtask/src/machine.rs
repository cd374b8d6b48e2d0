//! What a machine may have, and what follows from it for the choice of a compiler.

use crate::toolchain::{LINKER, PACKAGES, TARGET};

/// The first compiler release that the components compile with: major and minor.
const OLDEST_RELEASE: (u32, u32) = (1, 95);

/// Where Debian's packages put their compiler.
pub(crate) const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// Something that the tool can do about a missing compiler.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Remedy {
    /// This machine doesn't have what it takes.
    Impossible,
    /// It may help, but nobody knows before it is tried.
    Untried,
    /// It was tried, and didn't help.
    Failed,
}

impl Remedy {
    /// A remedy before anyone has tried it.
    pub(crate) fn new(possible: bool) -> Self {
        if possible { Self::Untried } else { Self::Impossible }
    }
}

/// Debian's compiler.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DebianCompiler {
    /// The release: major and minor.
    pub release: (u32, u32),
    /// The standard library's sources are there too.
    pub has_sources: bool,
}

/// Everything on which the choice of a compiler depends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Machine {
    /// The default toolchain has a compiled standard library for the target.
    pub target_is_installed: bool,
    /// The linker that makes components is there.
    pub has_linker: bool,
    /// The compiler from Debian's packages, if any.
    pub debian_compiler: Option<DebianCompiler>,
    /// Adding the target to the default toolchain with rustup.
    pub rustup: Remedy,
    /// Installing Debian's packages with apt-get.
    pub packages: Remedy,
}

/// What to do next to get a compiler.
#[derive(Debug, PartialEq)]
pub(crate) enum Decision {
    /// Compile with the default toolchain.
    UseDefaultToolchain,
    /// Compile with Debian's compiler, the standard library included.
    UseDebianCompiler,
    /// Add the target with rustup, then decide again.
    AddTarget,
    /// Install Debian's packages, then decide again.
    InstallPackages,
    /// Give up and tell the user this.
    Stop(String),
}

impl Machine {
    /// Decides what to do next. What is installed goes before what must be downloaded.
    pub(crate) fn decide(&self) -> Decision {
        if !self.has_linker {
            return Decision::Stop(format!(
                "the linker {LINKER} is missing. A toolchain from rustup brings it (rustup toolchain install \
                 stable); otherwise install it with: cargo install --locked {LINKER}"
            ));
        }
        if self.target_is_installed {
            return Decision::UseDefaultToolchain;
        }
        let debian_compiler = self.debian_compiler.as_ref();
        if debian_compiler.is_some_and(DebianCompiler::is_usable) {
            return Decision::UseDebianCompiler;
        }
        if self.rustup == Remedy::Untried {
            return Decision::AddTarget;
        }
        if self.packages == Remedy::Untried {
            return Decision::InstallPackages;
        }
        let (major, minor) = OLDEST_RELEASE;
        Decision::Stop(format!(
            "no compiler for {TARGET}. Install one of these:\n  the target for the default toolchain: rustup target \
             add {TARGET}\n  Debian's compiler, {major}.{minor} or later, as root: apt-get install \
             --no-install-recommends {}{}",
            PACKAGES.join(" "),
            debian_compiler.map_or_else(String::new, DebianCompiler::describe_defect),
        ))
    }
}

impl DebianCompiler {
    /// Whether it can build the components and the standard library below them.
    fn is_usable(&self) -> bool {
        self.release >= OLDEST_RELEASE && self.has_sources
    }

    /// Why it isn't usable, as another line for the user.
    fn describe_defect(&self) -> String {
        let (major, minor) = self.release;
        if self.release < OLDEST_RELEASE {
            format!("\n{DEBIAN_RUSTC} is there, but {major}.{minor} is too old.")
        } else {
            format!("\n{DEBIAN_RUSTC} {major}.{minor} is there, but without the standard library's sources.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine with the linker and everything that could help, and nothing that does yet.
    fn bare() -> Machine {
        Machine {
            target_is_installed: false,
            has_linker: true,
            debian_compiler: None,
            rustup: Remedy::Untried,
            packages: Remedy::Untried,
        }
    }

    /// Debian's compiler of the given release, with the sources.
    fn debian(minor: u32) -> Option<DebianCompiler> {
        Some(DebianCompiler { release: (1, minor), has_sources: true })
    }

    #[test]
    fn an_installed_target_goes_before_everything() {
        let machine = Machine { target_is_installed: true, debian_compiler: debian(96), ..bare() };
        assert_eq!(machine.decide(), Decision::UseDefaultToolchain);
    }

    #[test]
    fn an_installed_debian_compiler_goes_before_a_download() {
        for minor in [95, 96, 100] {
            let machine = Machine { debian_compiler: debian(minor), ..bare() };
            assert_eq!(machine.decide(), Decision::UseDebianCompiler);
        }
    }

    #[test]
    fn rustup_is_tried_before_packages_are_installed() {
        assert_eq!(bare().decide(), Decision::AddTarget);
        let old = Machine { debian_compiler: debian(94), ..bare() };
        assert_eq!(old.decide(), Decision::AddTarget);
        for rustup in [Remedy::Failed, Remedy::Impossible] {
            assert_eq!(Machine { rustup, ..old.clone() }.decide(), Decision::InstallPackages);
        }
    }

    #[test]
    fn the_user_is_told_what_to_install() {
        let hopeless = Machine { rustup: Remedy::Failed, packages: Remedy::Impossible, ..bare() };
        let Decision::Stop(message) = hopeless.decide() else { panic!("nothing is left to try") };
        assert!(message.contains("rustup target add wasm32-unknown-unknown"), "{message}");
        assert!(message.contains("rustc-web rust-web-src"), "{message}");
        assert!(message.contains("1.95"), "{message}");

        let old = Machine { debian_compiler: debian(63), ..hopeless.clone() };
        assert!(matches!(old.decide(), Decision::Stop(message) if message.contains("1.63 is too old")));

        let incomplete = Some(DebianCompiler { release: (1, 96), has_sources: false });
        let incomplete = Machine { debian_compiler: incomplete, ..hopeless };
        assert!(matches!(incomplete.decide(), Decision::Stop(message) if message.contains("sources")));
    }

    #[test]
    fn no_compiler_helps_without_the_linker() {
        let machine = Machine { target_is_installed: true, has_linker: false, ..bare() };
        let Decision::Stop(message) = machine.decide() else { panic!("nothing links") };
        assert!(message.contains("cargo install --locked wasm-component-ld"), "{message}");
    }
}
