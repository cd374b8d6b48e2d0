//! The program of the benchmarks. `--help` lists its options.

use anyhow::{Context, bail, ensure};
use credwell_bench::report::Results;
use credwell_bench::run::Run;
use credwell_bench::{load, sections};
use rustix::process::{Resource, getrlimit, setrlimit};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
Usage: cargo xtask bench [--quick] [--only SECTIONS] [--report] [--show-logs]

Measures the broker and the credentials component beside their baselines. Keeps the result of each section in
target/bench, and writes docs/benchmarks.md with its plots from the results of all sections. A run of all sections
takes about 35 minutes, and needs an otherwise idle machine.

Options:
  --quick          Take short rounds: about four minutes. The results and the report are in target/bench/quick
  --only SECTIONS  Run these sections, with commas between them: size, call, http, latency, growth, flood, soak
  --report         Run nothing: write the report from the results that are there
  --show-logs      Show the servers' logs, which have a line for each request, on the standard error
  --help           Show this text

Exit status: 0 every request of http and soak succeeded, at whatever speed; 1 a request failed, or a section failed;
2 wrong usage.
";

/// What the command line asks for.
struct Options {
    is_quick: bool,
    shows_logs: bool,
    sections: Vec<&'static str>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(mistake) => {
            eprintln!("credwell-bench: {mistake:#}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match bench(options).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("credwell-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Reads the arguments. Returns `None` if they request the help.
fn parse(mut arguments: impl Iterator<Item = String>) -> anyhow::Result<Option<Options>> {
    let mut options = Options { is_quick: false, shows_logs: false, sections: sections::NAMES.to_vec() };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => options.is_quick = true,
            "--only" => {
                let names = arguments.next().context("--only takes names of sections")?;
                let names: Vec<_> = names.split(',').collect();
                let known = |name: &&str| sections::NAMES.contains(name);
                let unknown = names.iter().find(|name| !known(name));
                ensure!(unknown.is_none(), "there is no section {:?}", unknown.unwrap_or(&""));
                options.sections.retain(|name| names.contains(name));
            }
            "--report" => options.sections.clear(),
            "--show-logs" => options.shows_logs = true,
            "--help" => return Ok(None),
            other => bail!("there is no option {other:?}"),
        }
    }
    Ok(Some(options))
}

/// Runs the sections and writes the report. Returns whether all went well. A section that fails doesn't keep
/// the others from running.
async fn bench(options: Options) -> anyhow::Result<bool> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the package has no workspace")?;
    let program = std::env::current_exe()?;
    let programs = program.parent().context("the program's path has no folder")?;
    let (results, report) = folders(workspace, options.is_quick);
    let mut is_good = true;
    if !options.sections.is_empty() {
        load::require().await?;
        allow_many_files();
        let run = Run::start(options.is_quick, options.shows_logs, programs).await?;
        for name in options.sections {
            match sections::run(name, &run, &results).await {
                Ok(0) => {}
                Ok(errors) => {
                    eprintln!(
                        "section {name}: {errors} requests failed; --show-logs shows the servers' reasons"
                    );
                    is_good = false;
                }
                Err(error) => {
                    eprintln!("section {name} failed: {error:#}");
                    is_good = false;
                }
            }
        }
    }
    Results::load(&results)?.write(&report)?;
    println!("{}", report.join(credwell_bench::report::PAGE).display());
    Ok(is_good)
}

/// The folder of the results, and the folder of the report.
fn folders(workspace: &Path, is_quick: bool) -> (PathBuf, PathBuf) {
    let results = workspace.join("target/bench");
    if is_quick { (results.join("quick"), results.join("quick")) } else { (results, workspace.join("docs")) }
}

/// Raises the limit on open files of this process and of the programs that it starts: 1,024 connections need
/// more than the usual limit.
fn allow_many_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        eprintln!("the limit on open files can't be raised: {error}");
    }
}
