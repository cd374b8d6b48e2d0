//! `credwell completions`.

use crate::arguments;
use crate::cli_error::CliError;
use crate::exit_status::ExitStatus;
use crate::terminal::print_raw;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

pub(crate) const EXAMPLES: &str = "\
Examples:
  $ credwell completions bash > ~/.local/share/bash-completion/completions/credwell
  $ credwell completions zsh > \"${fpath[1]}/_credwell\"
  $ credwell completions fish > ~/.config/fish/completions/credwell.fish";

#[derive(Args)]
pub(crate) struct CompletionsArguments {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(arguments: &CompletionsArguments) -> Result<ExitStatus, CliError> {
    let mut text = Vec::new();
    let mut command = arguments::Arguments::command();
    clap_complete::generate(arguments.shell, &mut command, "credwell", &mut text);
    print_raw(&String::from_utf8_lossy(&text))?;
    Ok(ExitStatus::Good)
}
