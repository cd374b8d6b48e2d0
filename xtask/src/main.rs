//! The build tool: `cargo xtask <command>`.

mod guest;
mod interface;
mod lint;
mod machine;
mod probe;
mod process;
mod testing;
mod toolchain;

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

/// What `help` prints.
const HELP: &str = "\
Usage: cargo xtask <command> [arguments]

Commands:
  build            Build the components into target/components and list what they import and export
  run [ARGS...]    Build the components, then run the program `credwell` with these arguments, without any its demo
  test [ARGS...]   Build the components, install the programs that tests need, then run `cargo test --workspace` with
                   these arguments; with --no-install the tests without their program are skipped
  bench [ARGS...]  Build the components and the host program at full speed, then run the load test with these
                   arguments; `--help` lists them
  lint             Check the formatting, then run clippy on the host crates and on every component
  help             Print this text

The components need a compiler with the target wasm32-unknown-unknown. The tool takes the first that it finds:
  1. the default toolchain, where the target is installed
  2. Debian's packages rustc-web and rust-web-src, where they are installed
  3. the default toolchain, after `rustup target add wasm32-unknown-unknown`
  4. Debian's packages, after installing them with apt-get (only as root)
";

/// What the command line asks for.
#[derive(Debug, PartialEq)]
enum Request {
    /// Build the components and describe them.
    Build,
    /// Build the components and run the host program with these arguments.
    Run(Vec<OsString>),
    /// Build the components and run the tests with these arguments for `cargo test`.
    Test(Vec<OsString>),
    /// Build the components and the servers, and run the load test with these arguments.
    Bench(Vec<OsString>),
    /// Check the formatting and run clippy.
    Lint,
    /// Print the help text.
    Help,
}

impl Request {
    /// Reads the command line, without the program's own name.
    fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Self> {
        let Some(command) = arguments.next() else {
            return Ok(Self::Help);
        };
        let rest: Vec<OsString> = arguments.collect();
        let request = match command.to_str() {
            Some("run") => return Ok(Self::Run(rest)),
            Some("test") => return Ok(Self::Test(rest)),
            Some("bench") => return Ok(Self::Bench(rest)),
            Some("build") => Self::Build,
            Some("lint") => Self::Lint,
            Some("help" | "--help" | "-h") => return Ok(Self::Help),
            _ => bail!("there is no command {command:?}; `cargo xtask help` lists them"),
        };
        if let Some(argument) = rest.first() {
            bail!("{command:?} takes no arguments, but got {argument:?}; see `cargo xtask help`");
        }
        Ok(request)
    }
}

fn main() -> ExitCode {
    match Request::parse(env::args_os().skip(1)).and_then(perform) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Does what was asked for. What the tool ends with is what the last program ended with.
fn perform(request: Request) -> Result<ExitCode> {
    match request {
        Request::Build => print!("{}", build(&workspace_root()?)?),
        Request::Run(arguments) => {
            let root = workspace_root()?;
            // Standard output belongs to the program that is run.
            eprint!("{}", build(&root)?);
            return process::hand_over(&mut host_program(&root, &arguments));
        }
        Request::Test(arguments) => {
            let root = workspace_root()?;
            eprint!("{}", build(&root)?);
            return testing::run(&root, &arguments);
        }
        Request::Bench(arguments) => return bench(&workspace_root()?, &arguments),
        Request::Lint => lint::run(&workspace_root()?)?,
        Request::Help => print!("{HELP}"),
    }
    Ok(ExitCode::SUCCESS)
}

/// The folder of the workspace's manifest.
fn workspace_root() -> Result<PathBuf> {
    let package = env::var_os("CARGO_MANIFEST_DIR").context("start this tool as `cargo xtask`")?;
    let root = Path::new(&package).parent();
    Ok(root.context("the build tool's package has no folder above it")?.to_path_buf())
}

/// Builds every component and returns a description of them.
fn build(root: &Path) -> Result<String> {
    let toolchain = toolchain::find()?;
    let mut description = String::new();
    for guest in guest::all(root)? {
        let component = guest.build(&toolchain, root)?;
        let shown = component.strip_prefix(root).unwrap_or(&component);
        description.push_str(&interface::describe(&component, shown)?);
    }
    Ok(description)
}

/// Builds the components and the servers, and becomes the load test.
fn bench(root: &Path, arguments: &[OsString]) -> Result<ExitCode> {
    // Standard output belongs to the report.
    eprint!("{}", build(root)?);
    let cargo = |subcommand: &str| {
        let mut command = Command::new(process::cargo());
        // The profile of the root manifest that is for speed.
        command.args([subcommand, "--profile", "host"]).current_dir(root);
        command
    };
    process::run(cargo("build").args([
        "--package",
        "credwell-cli",
        "--package",
        "credwell-bench",
        "--bins",
    ]))?;
    let mut bench = cargo("run");
    bench.args(["--package", "credwell-bench", "--bin", "credwell-bench", "--"]).args(arguments);
    process::hand_over(&mut bench)
}

/// The command that runs the host program. It stays in the caller's folder, since the arguments may name files.
fn host_program(root: &Path, arguments: &[OsString]) -> Command {
    let mut command = Command::new(process::cargo());
    command.arg("run").arg("--manifest-path").arg(root.join("Cargo.toml"));
    command.args(["--package", "credwell-cli", "--bin", "credwell", "--"]).args(arguments);
    if arguments.is_empty() {
        command.arg("demo");
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses a command line given as plain strings.
    fn parse(arguments: &[&str]) -> Result<Request> {
        Request::parse(arguments.iter().map(OsString::from))
    }

    #[test]
    fn arguments_of_other_programs_are_passed_on_as_they_are() {
        let arguments = vec![OsString::from("--help"), OsString::from("--")];
        assert_eq!(parse(&["run", "--help", "--"]).unwrap(), Request::Run(arguments.clone()));
        assert_eq!(parse(&["test", "--help", "--"]).unwrap(), Request::Test(arguments.clone()));
        assert_eq!(parse(&["bench", "--help", "--"]).unwrap(), Request::Bench(arguments));
    }

    #[test]
    fn run_without_arguments_is_the_demo() {
        for (given, expected) in [(&[][..], "demo"), (&["serve"], "serve")] {
            let arguments: Vec<_> = given.iter().map(OsString::from).collect();
            let command = host_program(Path::new("/root"), &arguments);
            let after: Vec<_> = command.get_args().skip_while(|it| *it != "--").skip(1).collect();
            assert_eq!(after, [expected]);
        }
    }

    #[test]
    fn nothing_at_all_is_a_call_for_help() {
        assert_eq!(parse(&[]).unwrap(), Request::Help);
        assert_eq!(parse(&["--help"]).unwrap(), Request::Help);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        assert!(parse(&["biuld"]).unwrap_err().to_string().contains("biuld"));
        assert!(parse(&["lint", "--fix"]).unwrap_err().to_string().contains("--fix"));
    }
}
