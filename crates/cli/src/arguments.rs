//! The command line: commands, options and arguments.

use crate::commands::{check, completions, forget, get, key, refresh, serve};
use crate::help;
use crate::settings::own;
use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand};
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
    after_help = "`credwell --help` lists all settings and exit statuses. `credwell demo` needs no settings.",
    after_long_help = help::after_options()
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub command: Command,

    /// Print only results and errors, no warnings and no progress
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Fetch sample accounts from an upstream on this machine, twice each. This needs no settings
    Demo,

    /// Print the credentials of accounts: from the cache while they are fresh, else from the upstream
    #[command(after_help = get::EXAMPLES)]
    Get(get::GetArguments),

    /// Print the credentials of an account after an app has rejected its access token
    #[command(after_help = refresh::EXAMPLES)]
    Refresh(refresh::RefreshArguments),

    /// Remove the entries of accounts from the cache
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

    /// Print the completions of this program for a shell
    #[command(after_help = completions::EXAMPLES)]
    Completions(completions::CompletionsArguments),
}

// No doc comment: clap would make it the text of every command that has these options.
#[derive(Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct SettingArguments {
    #[arg(long, value_name = "FILE", env = own::CONFIG.variable, help = own::CONFIG.help_with_default())]
    pub config: Option<OsString>,

    // No variable: clap would show its value, which can contain a password.
    #[arg(long, value_name = "URL", help = own::STORE.help_with_default())]
    pub store: Option<String>,

    #[arg(long, value_name = "FILE", env = own::CA_FILE.variable, help = own::CA_FILE.help_with_default())]
    pub ca_file: Option<OsString>,

    /// A setting of the component that is not a secret, for example refresh_window_seconds=90.
    /// `credwell --help` lists all settings
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
}

// No doc comment, for the same reason.
#[derive(Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArguments {
    /// Print one line with a JSON object for each account, including the secrets
    #[arg(long)]
    pub json: bool,

    /// Print only the value of this field: access_token, another field of the credentials, or a field of the
    /// account
    #[arg(long, value_name = "NAME", conflicts_with = "json")]
    pub field: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use credwell_core::configuration::settings;

    fn refusal(arguments: &[&str]) -> String {
        match Arguments::try_parse_from(arguments) {
            Ok(_) => panic!("{arguments:?} was accepted"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn clap_accepts_the_command_line() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn no_option_takes_a_secret_and_none_is_repeated() {
        for secret in settings::ALL.iter().filter(|description| description.is_secret) {
            let option = format!("--{}", secret.short_name().replace('_', "-"));
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
    fn the_page_on_the_program_has_each_command_option_and_secret() {
        let page = include_str!("../../../docs/program.md");
        for command in Arguments::command().get_subcommands() {
            assert!(page.contains(&format!("\n| `{}", command.get_name())), "{}", command.get_name());
            for option in command.get_opts().filter_map(clap::Arg::get_long).filter(|it| *it != "id") {
                assert!(page.contains(&format!("`--{option}")), "{option}");
            }
        }
        for name in settings::ALL.iter().filter(|name| name.is_secret) {
            assert!(page.contains(&format!("`{}`", name.short_name())), "{}", name.setting.name);
        }
        for setting in own::ALL {
            assert!(page.contains(&format!("`{}`", setting.variable)), "{}", setting.variable);
            for name in setting.names_in_file() {
                assert!(page.contains(&format!("`{name}`")), "{name}");
            }
        }
    }
}
