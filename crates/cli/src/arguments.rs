//! The command line.

use crate::commands::{check, completions, forget, get, key, refresh, serve};
use crate::exit_status;
use crate::settings::names;
use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, CommandFactory, Parser, Subcommand};
use std::collections::BTreeSet;
use std::ffi::OsString;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Fresh credentials of connected accounts, from an encrypted cache or from Pipedream's API
#[derive(Parser)]
#[command(
    name = "credwell",
    version,
    styles = STYLES,
    max_term_width = 110,
    arg_required_else_help = true,
    subcommand_required = true,
    after_help = "`credwell --help` lists every setting and the exit statuses. `credwell demo` needs neither.",
    after_long_help = after_long_help()
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub command: Command,

    /// Print answers and errors, and neither warnings nor progress
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Ask an upstream on this machine for sample accounts, twice each. Nothing has to be set
    Demo,

    /// Print accounts' credentials: from the cache while they are fresh, else from the upstream
    #[command(after_help = get::EXAMPLES)]
    Get(get::GetArguments),

    /// Print an account's credentials after an app has rejected its token
    #[command(after_help = refresh::EXAMPLES)]
    Refresh(refresh::RefreshArguments),

    /// Remove what the cache holds for accounts
    #[command(after_help = forget::EXAMPLES)]
    Forget(forget::ForgetArguments),

    /// Serve the HTTP broker, until SIGTERM or SIGINT
    #[command(after_help = serve::EXAMPLES)]
    Serve(serve::ServeArguments),

    /// Check the settings and the store, without a request to the upstream
    #[command(after_help = check::EXAMPLES)]
    Check(check::CheckArguments),

    /// Print a new encryption key for the cache
    #[command(after_help = key::EXAMPLES)]
    Key(key::KeyArguments),

    /// Print a shell's completions for this program
    #[command(after_help = completions::EXAMPLES)]
    Completions(completions::CompletionsArguments),
}

// No doc comment: clap would make it the text of every command that has these.
#[derive(Args, Default)]
#[command(next_help_heading = "ProgramSettings")]
pub(crate) struct SettingArguments {
    /// Configuration file in TOML [default: credwell/config.toml in $XDG_CONFIG_HOME or ~/.config, if it is there]
    #[arg(long, value_name = "FILE", env = "CREDWELL_CONFIG")]
    pub config: Option<OsString>,

    /// Where the cache is: memory:, redb:PATH, redis://… or nats://… Not with a password: that goes into
    /// CREDWELL_STORE_URL, or into the file that CREDWELL_STORE_URL_FILE names [default: redb: and
    /// credwell/cache.redb in $XDG_STATE_HOME or ~/.local/state] [env: CREDWELL_STORE_URL]
    #[arg(long, value_name = "URL")]
    pub store: Option<String>,

    /// PEM file of certificates to trust, beside the public authorities'
    #[arg(long, value_name = "FILE", env = "CREDWELL_CA_FILE")]
    pub ca_file: Option<OsString>,

    /// A setting of the component that is no secret, for example refresh_window_seconds=90. `credwell --help`
    /// lists them
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
}

// No doc comment, as above.
#[derive(Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArguments {
    /// Print one JSON object in one line for each account, secrets included
    #[arg(long)]
    pub json: bool,

    /// Print this field of the account as it is, and nothing else: access_token, one of its credentials, or one of
    /// the account's other fields
    #[arg(long, value_name = "NAME", conflicts_with = "json")]
    pub field: Option<String>,
}

/// The environment variables that stand for options.
pub(crate) fn environment_names() -> BTreeSet<String> {
    let command = Arguments::command();
    let commands = std::iter::once(&command).chain(command.get_subcommands());
    let options = commands.flat_map(clap::Command::get_arguments);
    options.filter_map(|option| Some(option.get_env()?.to_string_lossy().into_owned())).collect()
}

fn after_long_help() -> String {
    format!(
        "ProgramSettings come from options, then from the environment, then from the configuration file. In the \
         environment a name of the component's is in capitals behind CREDWELL_, in the file it is in the table \
         [component]. Secrets are never options: they come from CREDWELL_NAME, or from the file that \
         CREDWELL_NAME_FILE, or name_file in the configuration file, names.\n\n\
         ProgramSettings of the component:\n{}\n\
         Other environment variables:\n  CREDWELL_COMPONENTS  Folder of the built components\n  \
         NO_COLOR             No colour, whatever the terminal\n\n\
         Exit status:\n{}",
        names::help(),
        exit_status::help()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use credwell_core::configuration::settings;

    fn refusal(arguments: &[&str]) -> String {
        match Arguments::try_parse_from(arguments) {
            Ok(_) => panic!("{arguments:?} was taken"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn no_option_takes_a_secret_and_none_is_repeated() {
        for name in settings::ALL.iter().filter(|name| name.is_secret) {
            let option = format!("--{}", name.short_name().replace('_', "-"));
            for arguments in [vec![option.as_str(), "hunter2"], vec![&format!("{option}=hunter2")]] {
                let refused = refusal(&[&["credwell", "get", "apn_a"], arguments.as_slice()].concat());
                assert!(refused.contains(&option) && !refused.contains("hunter2"), "{refused}");
            }
        }
        let refused = refusal(&["credwell", "refresh", "apn_a", "--rejected", "hunter2"]);
        assert!(!refused.contains("hunter2"), "{refused}");
    }

    #[test]
    fn every_command_but_the_demo_has_an_example() {
        for command in Arguments::command().get_subcommands().filter(|it| it.get_name() != "demo") {
            let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(text.contains(&format!("$ credwell {}", command.get_name())), "{}", command.get_name());
        }
    }

    #[test]
    fn the_readme_has_each_command_option_and_secret() {
        let readme = include_str!("../../../README.md");
        let (_, section) = readme.split_once("\n## The program\n").expect("it has a section on the program");
        let (section, _) = section.split_once("\n## ").expect("another one follows");
        for command in Arguments::command().get_subcommands() {
            assert!(section.contains(&format!("\n| `{}", command.get_name())), "{}", command.get_name());
            for option in command.get_opts().filter_map(clap::Arg::get_long).filter(|it| *it != "id") {
                assert!(section.contains(&format!("`--{option}")), "{option}");
            }
        }
        for name in settings::ALL.iter().filter(|name| name.is_secret) {
            assert!(section.contains(&format!("`{}`", name.short_name())), "{}", name.setting.name);
        }
    }

    #[test]
    fn the_variables_of_options_are_found() {
        for name in ["CREDWELL_CONFIG", "CREDWELL_LISTEN"] {
            assert!(environment_names().contains(name), "{name}");
        }
    }
}
