//! Tests of the commands in documents, workflows and manifests: each build takes the versions of a lock file.

use super::{documents, files, read};
use std::path::{Path, PathBuf};

/// The subcommands of cargo that choose versions of dependencies.
const BUILDS: [&str; 9] = ["bench", "build", "check", "clippy", "doc", "install", "run", "rustc", "test"];

/// The files that contain commands.
fn sources() -> Vec<PathBuf> {
    let mut found = documents();
    for (folder, extension) in [
        (".github", "yml"),
        ("crates", "toml"),
        ("deploy", "toml"),
        ("deploy", "yaml"),
        ("examples", "py"),
        ("examples", "js"),
        ("examples", "toml"),
        ("examples", "txt"),
        ("tests", "txt"),
    ] {
        found.extend(files(Path::new(folder), extension));
    }
    found.extend([".cargo/config.toml", ".ci/run"].map(PathBuf::from));
    found
}

/// The commands of cargo in a line that choose versions, each to its end.
fn builds(line: &str) -> Vec<&str> {
    let end = |text: &str| text.find(['`', ';', '&', '|']).unwrap_or(text.len());
    let commands = line.split("cargo ").skip(1).map(|rest| &rest[..end(rest)]);
    // An alias has no program in front.
    let alias = line.split_once(" = \"run ").map(|_| line);
    commands
        .filter(|it| it.split(' ').next().is_some_and(|word| BUILDS.contains(&word)))
        .chain(alias)
        .collect()
}

#[test]
fn every_build_takes_the_versions_of_the_lock_file() {
    let mut seen = 0;
    for path in sources() {
        for line in read(&path).lines() {
            for command in builds(line) {
                assert!(command.contains("--locked"), "{}: {line}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen >= 4, "only {seen} commands were found");
}

#[test]
fn a_build_without_the_lock_file_is_found() {
    assert_eq!(builds("run: cargo build --package a && cargo fmt"), ["build --package a "]);
    assert_eq!(builds("`cargo xtask build` and `cargo doc --open`"), ["doc --open"]);
    assert_eq!(builds("xtask = \"run --quiet\"").len(), 1);
}

/// pip then refuses every other package, and every other file of the same package.
#[test]
fn every_package_of_python_has_its_hashes() {
    let requirements: Vec<_> =
        sources().into_iter().filter(|path| path.ends_with("requirements.txt")).collect();
    assert_eq!(requirements.len(), 2, "{requirements:?}");
    for path in requirements {
        let text = read(&path).replace("\\\n", " ");
        let mut lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
        assert_eq!(lines.next(), Some("--require-hashes"), "{}", path.display());
        for line in lines {
            assert!(line.contains("==") && line.contains("--hash=sha256:"), "{}: {line}", path.display());
        }
    }
}
