//! The command `credwell completions`: completions for a shell.

use crate::arguments::Arguments;
use crate::cli_error::CliError;
use crate::exit_status::ExitStatus;
use crate::terminal::print_raw;
use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Arg, Args, Command, CommandFactory, ValueHint};
use clap_complete::Shell;
use credwell_core::configuration::settings;

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
    let mut command = Arguments::command().mut_subcommands(complete_set);
    clap_complete::generate(arguments.shell, &mut command, "credwell", &mut text);
    print_raw(&String::from_utf8_lossy(&text))?;
    Ok(ExitStatus::Success)
}

/// Adds `NAME=` to the option `--set`, for each setting of the component that is not a secret. The result is
/// for completions only: its parser would refuse every value.
fn complete_set(command: Command) -> Command {
    if !command.get_arguments().any(|argument| argument.get_id() == "set") {
        return command;
    }
    let open = settings::ALL.iter().filter(|description| !description.is_secret);
    let names = open.map(|description| PossibleValue::new(format!("{}=", description.short_name())));
    let parser = PossibleValuesParser::new(names);
    // With this hint, bash adds no space behind the `=`.
    command.mut_arg("set", |set: Arg| set.value_parser(parser).value_hint(ValueHint::Other))
}
