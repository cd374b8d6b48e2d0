//! The program `credwell`: it calls the credentials component for accounts, and serves the HTTP broker.

mod accounts;
mod arguments;
mod capabilities;
mod cli_error;
mod commands;
mod components;
mod core_dumps;
mod exit_status;
mod help;
mod json;
#[cfg(test)]
#[path = "../precompiled_file.rs"]
mod precompiled_file;
mod settings;
mod table;
mod terminal;

use arguments::{Arguments, Command};
use clap::Parser;
use cli_error::CliError;
use exit_status::ExitStatus;
use std::process::ExitCode;
use terminal::Terminal;

// Without unwinding, a panic in the task of one request would end the whole server.
#[cfg(panic = "abort")]
compile_error!("the program needs panics that unwind: cargo xtask program");

/// Writes the log's last lines at the end of the program, and at a panic.
struct LogEnd;

impl Drop for LogEnd {
    fn drop(&mut self) {
        credwell_host::flush_log();
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let _log_end = LogEnd;
    // Before anything else, because the environment can already contain secrets.
    let core_dumps = core_dumps::turn_off();
    let Arguments { command, quiet } = Arguments::parse();
    let terminal = Terminal { quiet };
    if let Err(error) = core_dumps {
        terminal.warn(&format!(
            "core dumps can't be turned off, so a crash can write secrets to a disk: {error}"
        ));
    }
    let status = run(command, &terminal).await.unwrap_or_else(|error| {
        terminal.error(&error.to_string());
        error.status()
    });
    ExitCode::from(status as u8)
}

async fn run(command: Command, terminal: &Terminal) -> Result<ExitStatus, CliError> {
    match command {
        Command::Demo => commands::demo::run(terminal).await,
        Command::Get(arguments) => commands::get::run(arguments, terminal).await,
        Command::Refresh(arguments) => commands::refresh::run(arguments, terminal).await,
        Command::Forget(arguments) => commands::forget::run(arguments, terminal).await,
        Command::Serve(arguments) => commands::serve::run(arguments, terminal).await,
        Command::Check(arguments) => commands::check::run(arguments, terminal).await,
        Command::Key(arguments) => commands::key::run(&arguments),
        Command::Completions(arguments) => commands::completions::run(&arguments),
    }
}
