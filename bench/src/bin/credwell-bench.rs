//! The program of the load test. `--help` lists its options.

use anyhow::{Context, bail, ensure};
use credwell_bench::report::Report;
use credwell_bench::run::Plan;
use credwell_bench::{load, run};
use std::process::ExitCode;

const HELP: &str = "\
Usage: cargo xtask bench [--seconds N] [--show-logs]

Loads three kinds of servers in turn: the HTTP broker in the embedded host, a component without logic in the
same host, and a native proxy with the broker's behaviour. Prints a report in Markdown.

Options:
  --seconds N   How long each server is loaded, in seconds [default: 60]
  --show-logs   Show the servers' logs, which have a line for each request, on the standard error
  --help        Show this text

Exit status: 0 every request succeeded, at whatever speed; 1 a request failed, or the run failed;
2 wrong usage.
";

#[tokio::main]
async fn main() -> ExitCode {
    let plan = match parse(std::env::args().skip(1)) {
        Ok(Some(plan)) => plan,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(mistake) => {
            eprintln!("credwell-bench: {mistake:#}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match bench(plan).await {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_errors) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("credwell-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Reads the arguments. Returns `None` if they request the help.
fn parse(mut arguments: impl Iterator<Item = String>) -> anyhow::Result<Option<Plan>> {
    let mut plan = Plan { seconds: 60, shows_logs: false };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--seconds" => {
                let seconds = arguments.next().context("--seconds takes a number")?;
                plan.seconds = seconds.parse().with_context(|| format!("{seconds:?} is not a number"))?;
                ensure!(plan.seconds > 0, "--seconds takes a number above 0");
            }
            "--show-logs" => plan.shows_logs = true,
            "--help" => return Ok(None),
            other => bail!("there is no option {other:?}"),
        }
    }
    Ok(Some(plan))
}

/// Runs the test, prints its report and returns the number of failed requests.
async fn bench(plan: Plan) -> anyhow::Result<u64> {
    load::require().await?;
    let program = std::env::current_exe()?;
    let programs = program.parent().context("the program's path has no folder")?;
    let findings = run::run(plan, programs).await?;
    let report = Report { plan, findings: &findings, cores: std::thread::available_parallelism()?.get() };
    print!("{report}");
    Ok(report.errors())
}
