//! The command line of the build tool.

use std::ffi::OsString;

use anyhow::{Result, bail};

/// What `help` prints.
pub(crate) const HELP: &str = "\
Usage: cargo xtask <command> [arguments]

Commands:
  build            Build all components into target/components, small and fast, and list what they import and export
  program          Build the program `credwell` for production into target/host, with its components precompiled
  run [ARGS...]    Build what the program `credwell` needs, then run it with these arguments, without any its demo
  test [ARGS...]   Install the programs that the tests need, build the components, then run `cargo test --workspace`
                   with these arguments, and the tests of the components once more on the small ones. --no-install
                   leaves out the first step
  bench [ARGS...]  Build the components and the host program at full speed, then run the benchmarks with these
                   arguments, and write docs/benchmarks.md; `--help` lists them
  fuzz [CASES]     Run each fuzz target with this number of new inputs, a million without it
  mutants [ARGS...]
                   Run the mutation tests of the core with these arguments of `cargo mutants`
  lint             Check the formatting, then run clippy and rustdoc on the host crates and clippy on every component
  docs             Build the book into target/book
  deny             Check the licences, sources and advisories of the dependencies
  help             Print this text

The components need a compiler with the target wasm32-unknown-unknown. The tool takes the first that it finds:
  1. the default toolchain, where the target is installed
  2. Debian's packages rustc-web and rust-web-src, where they are installed
  3. the default toolchain, after `rustup target add wasm32-unknown-unknown`
  4. Debian's packages, after installing them with apt-get (only as root)

Other programs come from the search path. As root on Debian, the tool installs a missing one with apt-get. It builds
wasmtime, mdbook, cargo-deny and cargo-mutants with `cargo install` into target/tools.
";

/// The option of `test` that leaves out the installation of programs.
const NO_INSTALL: &str = "--no-install";

/// The number of inputs for each fuzz target, where the command line has none.
const MANY_CASES: u32 = 1_000_000;

/// What the command line asks for.
#[derive(Debug, PartialEq)]
pub(crate) enum Request {
    /// Build all components and describe them.
    Build,
    /// Build the program for production.
    Program,
    /// Build what the host program needs and run it with these arguments.
    Run(Vec<OsString>),
    /// Run the tests.
    Test {
        /// Whether missing programs are installed first.
        installs: bool,
        /// The arguments for `cargo test`.
        arguments: Vec<OsString>,
    },
    /// Build the components and the servers, and run the benchmarks with these arguments.
    Bench(Vec<OsString>),
    /// Run the fuzz targets with this number of inputs.
    Fuzz(u32),
    /// Run the mutation tests with these arguments.
    Mutants(Vec<OsString>),
    /// Check the formatting, and run clippy and rustdoc.
    Lint,
    /// Build the book.
    Docs,
    /// Check the dependencies.
    Deny,
    /// Print the help text.
    Help,
}

impl Request {
    /// Reads the command line, without the name of this program.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Self> {
        let Some(command) = arguments.next() else {
            return Ok(Self::Help);
        };
        let rest: Vec<OsString> = arguments.collect();
        let request = match command.to_str() {
            Some("run") => return Ok(Self::Run(rest)),
            Some("test") => return Ok(Self::test(rest)),
            Some("bench") => return Ok(Self::Bench(rest)),
            Some("mutants") => return Ok(Self::Mutants(rest)),
            Some("fuzz") => return Self::fuzz(&rest),
            Some("build") => Self::Build,
            Some("program") => Self::Program,
            Some("lint") => Self::Lint,
            Some("docs") => Self::Docs,
            Some("deny") => Self::Deny,
            Some("help" | "--help" | "-h") => return Ok(Self::Help),
            _ => bail!("there is no command {command:?}; `cargo xtask help` lists them"),
        };
        if let Some(argument) = rest.first() {
            bail!("{command:?} takes no arguments, but got {argument:?}; see `cargo xtask help`");
        }
        Ok(request)
    }

    /// Takes the number of inputs.
    fn fuzz(arguments: &[OsString]) -> Result<Self> {
        match arguments {
            [] => Ok(Self::Fuzz(MANY_CASES)),
            [cases] => match cases.to_str().and_then(|cases| cases.parse().ok()).filter(|cases| *cases > 0) {
                Some(cases) => Ok(Self::Fuzz(cases)),
                None => bail!("the number of inputs is from 1 to {}, but got {cases:?}", u32::MAX),
            },
            _ => bail!("\"fuzz\" takes one number; see `cargo xtask help`"),
        }
    }

    /// Takes the option of this tool out of the arguments for `cargo test`. What follows `--` belongs to the
    /// tests.
    fn test(mut arguments: Vec<OsString>) -> Self {
        let own = arguments.iter().take_while(|argument| *argument != "--");
        let position = own.into_iter().position(|argument| argument == NO_INSTALL);
        if let Some(position) = position {
            arguments.remove(position);
        }
        Self::Test { installs: position.is_none(), arguments }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plain strings as arguments.
    fn words(arguments: &[&str]) -> Vec<OsString> {
        arguments.iter().map(OsString::from).collect()
    }

    /// Parses a command line.
    fn parse(arguments: &[&str]) -> Result<Request> {
        Request::parse(words(arguments).into_iter())
    }

    #[test]
    fn arguments_of_other_programs_are_passed_on_as_they_are() {
        let arguments = words(&["--help", "--"]);
        assert_eq!(parse(&["run", "--help", "--"]).unwrap(), Request::Run(arguments.clone()));
        assert_eq!(parse(&["bench", "--help", "--"]).unwrap(), Request::Bench(arguments.clone()));
        assert_eq!(parse(&["mutants", "--help", "--"]).unwrap(), Request::Mutants(arguments.clone()));
        assert_eq!(parse(&["test", "--help", "--"]).unwrap(), Request::Test { installs: true, arguments });
    }

    #[test]
    fn the_tests_run_without_an_installation_on_demand() {
        for (given, installs, passed_on) in [
            (&["--no-install"][..], false, &[][..]),
            (&["-p", "xtask", "--no-install", "--", "--list"], false, &["-p", "xtask", "--", "--list"]),
            (&["--", "--no-install"], true, &["--", "--no-install"]),
        ] {
            let expected = Request::Test { installs, arguments: words(passed_on) };
            assert_eq!(parse(&[&["test"], given].concat()).unwrap(), expected);
        }
    }

    #[test]
    fn fuzz_takes_the_number_of_inputs() {
        assert_eq!(parse(&["fuzz"]).unwrap(), Request::Fuzz(1_000_000));
        assert_eq!(parse(&["fuzz", "50"]).unwrap(), Request::Fuzz(50));
        for wrong in [&["fuzz", "0"][..], &["fuzz", "-1"], &["fuzz", "many"], &["fuzz", "1", "2"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
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
