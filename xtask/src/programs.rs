//! The programs from Debian's packages that tests and the load test need, and their installation.

use std::process::{Command, Stdio};
use std::time::Duration;

use credwell_test_programs::search_path;

use crate::{probe, process, toolchain};

/// A program that Debian has.
struct Program {
    name: &'static str,
    /// The arguments with which the program ends at once, and successfully where it is complete.
    check: &'static [&'static str],
    /// Debian's packages that bring the program.
    packages: &'static [&'static str],
}

/// The programs. Any version counts as found: a test says what the version lacks.
const PROGRAMS: [Program; 10] = [
    Program { name: "curl", check: &["--version"], packages: &["curl"] },
    Program { name: "nats-server", check: &["--version"], packages: &["nats-server"] },
    Program { name: "nginx", check: &["-v"], packages: &["nginx-light"] },
    Program { name: "node", check: &["--version"], packages: &["nodejs"] },
    Program { name: "npm", check: &["--version"], packages: &["npm"] },
    Program { name: "openssl", check: &["version"], packages: &["openssl"] },
    // Debian has both modules in a package of their own.
    Program {
        name: "python3",
        check: &["-c", "import ensurepip, venv"],
        packages: &["python3", "python3-venv"],
    },
    Program { name: "redis-server", check: &["--version"], packages: &["redis-server"] },
    Program { name: "script", check: &["--version"], packages: &["bsdutils"] },
    // It shows its version and fails for want of a URL.
    Program { name: "wrk", check: &[], packages: &["wrk"] },
];

/// The time in which a program shows its version, even on a busy machine.
const CHECK_TIME_LIMIT: Duration = Duration::from_secs(60);

/// Installs all of the programs that are missing.
pub(crate) fn install_all() {
    install(&PROGRAMS.map(|program| program.name));
}

/// Installs those of the named programs that are missing, where this machine and this user can. One line says
/// what could not be installed.
pub(crate) fn install(names: &[&str]) {
    let wanted = PROGRAMS.iter().filter(|program| names.contains(&program.name));
    let missing: Vec<_> = wanted.filter(|program| !program.is_found()).collect();
    if missing.is_empty() {
        return;
    }
    let packages: Vec<_> = missing.iter().flat_map(|program| program.packages).copied().collect();
    if probe::packages_are_installable() && toolchain::install_packages(&packages).is_err() {
        // One package that this release of Debian doesn't have must not keep the others out.
        for program in &missing {
            _ = toolchain::install_packages(program.packages);
        }
    }
    let missing: Vec<_> = missing.into_iter().filter(|program| !program.is_found()).collect();
    if !missing.is_empty() {
        let names: Vec<_> = missing.iter().map(|program| program.name).collect();
        let packages: Vec<_> = missing.iter().flat_map(|program| program.packages).copied().collect();
        eprintln!(
            "not found: {}. As root on Debian: apt-get install {}",
            names.join(", "),
            packages.join(" ")
        );
    }
}

impl Program {
    /// Whether the program is on this machine and complete.
    fn is_found(&self) -> bool {
        let mut command = Command::new(self.name);
        command.env("PATH", search_path());
        if self.check.is_empty() {
            let silent = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            return silent.status().is_ok();
        }
        process::succeeds_within(command.args(self.check), CHECK_TIME_LIMIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_or_not() {
        let program = |name, check| Program { name, check, packages: &[] };
        assert!(program("true", &["--version"]).is_found());
        assert!(!program("false", &["-c"]).is_found());
        assert!(program("false", &[]).is_found());
        assert!(!program("no-such-program", &[]).is_found());
        assert!(!program("no-such-program", &["--version"]).is_found());
    }

    #[test]
    fn the_programs_are_in_order_and_have_packages() {
        assert!(PROGRAMS.is_sorted_by_key(|program| program.name));
        assert!(PROGRAMS.iter().all(|program| !program.packages.is_empty()));
    }
}
