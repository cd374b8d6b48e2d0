//! `cargo xtask run`: the program `credwell`, built with what it needs and nothing else.
//!
//! A newcomer's first command is `cargo xtask run`. So the components and the program are compiled at the
//! same time, and the program with the profile `quick` of the root manifest, which is for a short
//! compilation. The program carries its components, so the last step compiles the program's own package once
//! more if a component has changed.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::thread;

use anyhow::{Context, Result};
use credwell_test_programs::folder;

use crate::guest::Guest;
use crate::process;
use crate::toolchain::{self, Toolchain};

/// The profile of the root manifest with which the program is built.
const PROFILE: &str = "quick";

/// What a command of the program needs.
#[derive(Debug, PartialEq)]
struct Needs {
    credentials: bool,
    broker: bool,
    /// The stores on servers and the export of telemetry.
    all_features: bool,
}

impl Needs {
    /// What the command line needs. A command that this tool doesn't know may need everything.
    fn of(arguments: &[OsString]) -> Self {
        let words: Vec<_> = arguments.iter().filter_map(|argument| argument.to_str()).collect();
        let command = words.iter().copied().find(|word| !word.starts_with('-'));
        let needs = |credentials, broker, all_features| Self { credentials, broker, all_features };
        match command.unwrap_or(if words.is_empty() { "demo" } else { "help" }) {
            "demo" => needs(true, false, false),
            "get" | "refresh" | "forget" | "check" => needs(true, false, !names_local_store(&words)),
            "serve" => needs(false, true, true),
            "key" | "completions" | "help" => needs(false, false, false),
            _ => needs(true, true, true),
        }
    }

    fn guests(&self, root: &Path) -> Result<Vec<Guest>> {
        let mut guests = Vec::new();
        if self.credentials {
            guests.push(Guest::credentials(root)?);
        }
        if self.broker {
            guests.push(Guest::broker(root)?);
        }
        Ok(guests)
    }
}

/// Whether an option names a store in memory or in a file. Without the option, the environment or a file of
/// settings can name a store on a server.
fn names_local_store(words: &[&str]) -> bool {
    let values = words.windows(2).filter(|pair| pair[0] == "--store").map(|pair| pair[1]);
    let mut values = values.chain(words.iter().filter_map(|word| word.strip_prefix("--store=")));
    values.any(|url| url.starts_with("memory:") || url.starts_with("redb:"))
}

/// Builds what the command line needs and becomes the program. Standard output is left to the program.
pub(crate) fn run(root: &Path, arguments: &[OsString]) -> Result<ExitCode> {
    let needs = Needs::of(arguments);
    let guests = needs.guests(root)?;
    let toolchain = toolchain::find()?;
    let stages = guests.len() + 2;
    for (number, guest) in guests.iter().enumerate() {
        let component = guest.path(root);
        let duration = first_time(&component, "1 minute");
        let shown = component.strip_prefix(root).unwrap_or(&component).display();
        eprintln!("[{}/{stages}] building {shown} in the background{duration}", number + 1);
    }
    let stamp = folder(PROFILE)?.join(if needs.all_features { "built-with-all-features" } else { "built" });
    let duration = first_time(&stamp, "2 to 3 minutes with two processor cores");
    eprintln!("[{}/{stages}] building the program credwell{duration}", stages - 1);

    thread::scope(|scope| {
        let components = scope.spawn(|| build_components(&guests, &toolchain, root));
        let program = process::run(&mut cargo("build", &needs, root));
        // Both are waited for, so that nothing is left running after an error.
        let components = components.join().expect("the thread does not panic");
        program.and(components)
    })?;
    fs::write(&stamp, "").with_context(|| format!("can't write {}", stamp.display()))?;

    let mut command = cargo("run", &needs, root);
    command.args(["--quiet", "--"]).args(arguments);
    if arguments.is_empty() {
        command.arg("demo");
    }
    let words: Vec<_> = command.get_args().skip_while(|word| *word != "--").skip(1).collect();
    eprintln!("[{stages}/{stages}] credwell {}", words.join(" ".as_ref()).display());
    process::hand_over(&mut command)
}

/// How long a build takes if its result is not there yet.
fn first_time(result: &Path, duration: &str) -> String {
    if result.exists() { String::new() } else { format!(" (the first time about {duration})") }
}

fn build_components(guests: &[Guest], toolchain: &Toolchain, root: &Path) -> Result<()> {
    for guest in guests {
        guest.build_silently(toolchain, root).context("can't build a component")?;
    }
    Ok(())
}

/// A cargo command for the program. It stays in the folder of the user, because arguments can name files.
fn cargo(subcommand: &str, needs: &Needs, root: &Path) -> Command {
    let mut command = process::host_cargo(subcommand);
    command.args(["--profile", PROFILE, "--manifest-path"]).arg(root.join("Cargo.toml"));
    command.args(["--package", "credwell-cli", "--bin", "credwell"]);
    if !needs.all_features {
        command.arg("--no-default-features");
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_command_needs_is_built() {
        for (arguments, credentials, broker, all_features) in [
            (&[][..], true, false, false),
            (&["demo"], true, false, false),
            (&["--quiet", "get", "apn_a"], true, false, true),
            (&["get", "--store", "memory:", "apn_a"], true, false, false),
            (&["check", "--store=redb:cache.redb"], true, false, false),
            (&["check", "--store", "redis://localhost"], true, false, true),
            (&["serve", "--store", "memory:"], false, true, true),
            (&["--help"], false, false, false),
            (&["something-new"], true, true, true),
        ] {
            let words: Vec<_> = arguments.iter().map(OsString::from).collect();
            assert_eq!(Needs::of(&words), Needs { credentials, broker, all_features }, "{arguments:?}");
        }
    }

    #[test]
    fn the_duration_is_said_before_the_first_build() {
        assert_eq!(first_time(Path::new("/"), "1 minute"), "");
        assert_eq!(first_time(Path::new("/no-such-file"), "1 minute"), " (the first time about 1 minute)");
    }
}
