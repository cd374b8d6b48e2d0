//! The guests of this repository: the packages that are built into WebAssembly components.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result};

use crate::toolchain::{TARGET, Toolchain};
use crate::{interface, process};

/// What a component is optimized for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    /// For hosts that download the component.
    Size,
    /// For servers.
    Speed,
}

impl Goal {
    /// The profile of the guest's manifest.
    fn profile(self) -> &'static str {
        match self {
            Self::Size => "release",
            Self::Speed => "fast",
        }
    }

    /// The folder of the built components, below the root of the repository.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Size => "target/components",
            Self::Speed => "target/components/fast",
        }
    }
}

/// One component to build.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Guest {
    /// The package's manifest.
    manifest: PathBuf,
    /// The package's name.
    package: String,
    /// The flavour: the names of Cargo features with dashes between them, which also end the name of the
    /// file.
    flavour: Option<&'static str>,
    /// What the component is optimized for.
    pub goal: Goal,
}

/// Every build of a component: [`sources`], and the root package in its flavours once more, for speed.
pub(crate) fn all(root: &Path) -> Result<Vec<Guest>> {
    let mut guests = sources(root)?;
    let manifest = root.join("Cargo.toml");
    let of_root: Vec<_> = guests.iter().filter(|guest| guest.manifest == manifest).cloned().collect();
    guests.extend(of_root.into_iter().map(|guest| Guest { goal: Goal::Speed, ..guest }));
    Ok(guests)
}

/// Every component of the repository once: the root package in its flavours, then those with a manifest of
/// their own.
pub(crate) fn sources(root: &Path) -> Result<Vec<Guest>> {
    let mut guests = Vec::new();
    for flavour in [None, Some("spin"), Some("broker"), Some("broker-spin")] {
        guests.push(Guest { goal: Goal::Size, ..Guest::of_root(root, flavour)? });
    }
    let benchmarks = root.join(BENCHMARKS);
    for manifest in own_manifests(root)? {
        let package = package_name(&manifest)?;
        // The host of the benchmarks reads them from the folder of the broker, and runs them beside the
        // broker.
        let goal = if manifest.starts_with(&benchmarks) { Goal::Speed } else { Goal::Size };
        guests.push(Guest { manifest, package, flavour: None, goal });
    }
    Ok(guests)
}

/// The folder of the benchmarks and their guests, below the root of the repository.
const BENCHMARKS: &str = "bench";

/// The manifests of the guests outside of the workspace: the examples, in the order of their names, and the
/// guests of the benchmarks.
pub(crate) fn own_manifests(root: &Path) -> Result<Vec<PathBuf>> {
    let folder = root.join("examples");
    let mut manifests = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("can't list {}", folder.display()))? {
        let manifest = entry?.path().join("Cargo.toml");
        if manifest.exists() {
            manifests.push(manifest);
        }
    }
    manifests.sort();
    manifests.extend(["empty", "hello"].map(|name| root.join(BENCHMARKS).join(name).join("Cargo.toml")));
    Ok(manifests)
}

/// Reads the package's name from a manifest.
fn package_name(manifest: &Path) -> Result<String> {
    let text = fs::read_to_string(manifest).with_context(|| format!("can't read {}", manifest.display()))?;
    find_package_name(&text).with_context(|| format!("{} names no package", manifest.display()))
}

/// Finds the package's name in the text of a manifest. A TOML parser would be the largest dependency of this
/// tool.
fn find_package_name(manifest: &str) -> Option<String> {
    let mut lines = manifest.lines().map(str::trim);
    lines.find(|line| *line == "[package]")?;
    lines.take_while(|line| !line.starts_with('[')).find_map(|line| {
        let (key, value) = line.split_once('=')?;
        let (name, _) = value.trim().strip_prefix('"')?.split_once('"')?;
        (key.trim() == "name").then(|| name.to_owned())
    })
}

/// The folder in which the guests are compiled. All guests share it, because they share their dependencies
/// and the standard library. The host has another one: its compiler can be a different one.
fn target_directory(root: &Path) -> PathBuf {
    root.join("target/guest")
}

impl Guest {
    /// The credentials component, for the host of this repository.
    pub(crate) fn credentials(root: &Path) -> Result<Self> {
        Self::of_root(root, None)
    }

    /// The HTTP broker, for the host of this repository.
    pub(crate) fn broker(root: &Path) -> Result<Self> {
        Self::of_root(root, Some("broker"))
    }

    /// The root package in a flavour, for speed.
    fn of_root(root: &Path, flavour: Option<&'static str>) -> Result<Self> {
        let manifest = root.join("Cargo.toml");
        Ok(Self { package: package_name(&manifest)?, manifest, flavour, goal: Goal::Speed })
    }

    /// Adds the arguments that select this guest to a cargo command, right after the subcommand.
    pub(crate) fn select(&self, command: &mut Command, toolchain: &Toolchain, root: &Path) {
        if toolchain.builds_std {
            command.args(["-Z", "build-std=std,panic_abort"]);
        }
        command.args(["--profile", self.goal.profile(), "--locked", "--target", TARGET]);
        command.arg("--manifest-path").arg(&self.manifest);
        command.arg("--target-dir").arg(target_directory(root));
        if let Some(flavour) = self.flavour {
            command.args(["--features", &flavour.replace('-', ",")]);
        }
    }

    /// Builds the component and returns its path.
    pub(crate) fn build(&self, toolchain: &Toolchain, root: &Path) -> Result<PathBuf> {
        process::run(&mut self.build_command(toolchain, root)?)?;
        self.install(root)
    }

    /// Builds the component and returns its path. What the compiler prints is shown only if it fails.
    pub(crate) fn build_silently(&self, toolchain: &Toolchain, root: &Path) -> Result<PathBuf> {
        process::read(&mut self.build_command(toolchain, root)?)?;
        self.install(root)
    }

    fn build_command(&self, toolchain: &Toolchain, root: &Path) -> Result<Command> {
        let mut command = toolchain.command(process::cargo(), root, self.goal)?;
        command.arg("build");
        self.select(&mut command, toolchain, root);
        command.arg("--lib");
        Ok(command)
    }

    /// Copies the built component to its place and returns its path.
    fn install(&self, root: &Path) -> Result<PathBuf> {
        let name = self.package.replace('-', "_");
        let artifact = format!("{TARGET}/{}/{name}.wasm", self.goal.profile());
        let component = self.path(root);
        install(&target_directory(root).join(artifact), &component)?;
        Ok(component)
    }

    /// The path of the built component.
    pub(crate) fn path(&self, root: &Path) -> PathBuf {
        root.join(self.goal.folder()).join(self.file_name())
    }

    /// The component's file name.
    fn file_name(&self) -> String {
        let Self { package, flavour, .. } = self;
        flavour.map_or_else(|| format!("{package}.wasm"), |flavour| format!("{package}-{flavour}.wasm"))
    }
}

/// Copies a built component without its names to its place, unless the same bytes are there: its time of
/// change then stays the same, and cargo does not build the program with it again.
fn install(built: &Path, component: &Path) -> Result<()> {
    let bytes = fs::read(built).with_context(|| format!("the build left no {}", built.display()))?;
    let bytes = interface::without_custom_sections(&bytes)
        .with_context(|| format!("can't parse {}", built.display()))?;
    if fs::read(component).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    if let Some(folder) = component.parent() {
        fs::create_dir_all(folder).with_context(|| format!("can't create {}", folder.display()))?;
    }
    // A test that runs at the same time must not read half a file.
    let unfinished = component.with_extension("wasm.new");
    fs::write(&unfinished, bytes).with_context(|| format!("can't write {}", unfinished.display()))?;
    fs::rename(&unfinished, component).with_context(|| format!("can't write {}", component.display()))?;
    // A build of the program that read the old component in the meantime has to count as older.
    let installed = File::options().append(true).open(component);
    let touched = installed.and_then(|file| file.set_modified(SystemTime::now()));
    touched.with_context(|| format!("can't change the time of {}", component.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_packages_and_no_others() {
        let manifest = "[workspace]\nname = \"no\"\n\n[package]\nversion = \"1.0.0\"\nname = \"some-guest\" # so\n\n[lib]\nname = \"no\"\n";
        assert_eq!(find_package_name(manifest).as_deref(), Some("some-guest"));
        assert_eq!(find_package_name("[package]\nversion = \"1\"\n[lib]\nname = \"no\"\n"), None);
        assert_eq!(find_package_name("[workspace]\nmembers = []\n"), None);
    }

    #[test]
    fn the_file_is_named_after_the_package_its_flavour_and_its_goal() {
        let guest = Guest {
            manifest: PathBuf::new(),
            package: String::from("some-guest"),
            flavour: None,
            goal: Goal::Size,
        };
        let path = |guest: &Guest| guest.path(Path::new("/root")).to_string_lossy().into_owned();
        assert_eq!(path(&guest), "/root/target/components/some-guest.wasm");
        let guest = Guest { flavour: Some("spin"), goal: Goal::Speed, ..guest };
        assert_eq!(path(&guest), "/root/target/components/fast/some-guest-spin.wasm");
    }
}
