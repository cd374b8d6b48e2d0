//! The table of the program's own settings: names, defaults and meanings, once for the options, the
//! environment, the configuration file and the help text.

use super::names::{file_name, file_variable};

/// One of the program's own settings. The component's settings are in
/// [`credwell_core::configuration::settings`].
#[derive(Debug)]
pub(crate) struct OwnSetting {
    /// The name in the configuration file and in error texts. With `-` for `_` it is the name of the option.
    pub name: &'static str,
    /// The environment variable.
    pub variable: &'static str,
    /// The sources other than the environment variable.
    pub sources: Sources,
    /// Whether the value can be a secret.
    pub secrecy: Secrecy,
    /// The commands that read the setting.
    pub scope: Scope,
    /// What a value looks like, for error texts.
    pub expected: &'static str,
    /// The default, for the help text.
    /// [`ProgramSettings::own_or_default`](super::ProgramSettings::own_or_default) reads it as a value.
    pub default: Option<&'static str>,
    /// What the setting does.
    pub help: &'static str,
}

/// The sources of a setting other than its environment variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sources {
    /// An option.
    Option,
    /// The configuration file.
    File,
    /// An option and the configuration file.
    OptionAndFile,
}

/// Whether the value of a setting can be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secrecy {
    /// Never.
    Open,
    /// A URL that may contain a password. With one, it is a secret.
    Url,
    /// Always. Neither an option nor the configuration file may contain the value.
    Secret,
}

/// The commands that read a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Every command that uses the component.
    All,
    /// `credwell serve` alone.
    Serve,
}

/// What a setting takes whose value is the path of a file.
pub(super) const PATH: &str = "the path of a file";

const ADDRESS: &str = "an address such as 127.0.0.1:8080 or [::1]:8080";

macro_rules! own_settings {
    ($($constant:ident: $scope:ident $sources:ident $secrecy:ident $name:literal, $variable:literal,
        $expected:expr, $default:expr, $help:literal;)*) => {
        $(
            #[doc = $help]
            pub(crate) const $constant: OwnSetting = OwnSetting {
                name: $name,
                variable: $variable,
                sources: Sources::$sources,
                secrecy: Secrecy::$secrecy,
                scope: Scope::$scope,
                expected: $expected,
                default: $default,
                help: $help,
            };
        )*

        /// Every setting, in the order of the help text.
        pub(crate) const ALL: &[OwnSetting] = &[$($constant),*];
    };
}

own_settings! {
    CONFIG: All Option Open "config", "CREDWELL_CONFIG", PATH,
        Some("credwell/config.toml in $XDG_CONFIG_HOME or ~/.config, if that file exists"),
        "Configuration file in TOML";
    STORE: All OptionAndFile Url "store", "CREDWELL_STORE_URL",
        "a URL that begins with memory:, redb:, redis:, rediss:, nats: or tls:",
        Some("redb:PATH, where PATH is credwell/cache.redb in $XDG_STATE_HOME or ~/.local/state"),
        "Store of the cache: memory:, redb:PATH, redis://… or nats://…, for a NATS cluster several URLs with \
         commas between them. Keep a URL with a password in \
         CREDWELL_STORE_URL, or in a file that CREDWELL_STORE_URL_FILE names";
    CA_FILE: All OptionAndFile Open "ca_file", "CREDWELL_CA_FILE", PATH, None,
        "PEM file of certificates to trust in addition to the public authorities";
    LISTEN: Serve OptionAndFile Open "listen", "CREDWELL_LISTEN", ADDRESS, Some("127.0.0.1:8080"),
        "Address to listen on. Port 0 stands for any free port";
    CONCURRENCY_LIMIT: Serve OptionAndFile Open "concurrency_limit", "CREDWELL_CONCURRENCY_LIMIT",
        "a whole number from 1 to 256", Some("256"),
        "How many requests are answered at the same time, from 1 to 256. Further requests are answered 503";
    CONNECTIONS_PER_PEER: Serve OptionAndFile Open "connections_per_peer", "CREDWELL_CONNECTIONS_PER_PEER",
        "a whole number from 1 to 1024", Some("256"),
        "How many open connections one address may have, from 1 to 1024. A proxy in front needs as many as its \
         callers together";
    AUDIT_LOG: Serve OptionAndFile Open "audit_log", "CREDWELL_AUDIT_LOG", PATH, None,
        "File for the audit log: one line of JSON for each request for an account. - stands for the standard \
         error. A request whose line can't be written gets no credentials";
    FINGERPRINT_KEY: Serve File Secret "fingerprint_key", "CREDWELL_FINGERPRINT_KEY", "any text", None,
        "Key of the callers' fingerprints in the audit log. Without it, each start uses a new random key";
    METRICS_LISTEN: Serve OptionAndFile Open "metrics_listen", "CREDWELL_METRICS_LISTEN", ADDRESS, None,
        "Address for the metrics of the process in the Prometheus format. Whoever reaches it can read them";
    LOG_LEVEL: Serve OptionAndFile Open "log_level", "CREDWELL_LOG_LEVEL",
        "error, warn, info, debug or trace", Some("info"),
        "Least severe level of the events in the log: error, warn, info, debug or trace";
    LOG_FORMAT: Serve OptionAndFile Open "log_format", "CREDWELL_LOG_FORMAT", "text or json", Some("text"),
        "Format of the lines in the log: text or json";
}

impl OwnSetting {
    /// The option, for example `--log-level`. None if the setting has no option.
    pub(crate) fn option(&self) -> Option<String> {
        let has_option = matches!(self.sources, Sources::Option | Sources::OptionAndFile);
        has_option.then(|| format!("--{}", self.name.replace('_', "-")))
    }

    /// The environment variables: the variable, and for a secret the variable that names a file.
    pub(crate) fn variables(&self) -> Vec<String> {
        let file = (self.secrecy != Secrecy::Open).then(|| file_variable(self.variable));
        std::iter::once(self.variable.to_owned()).chain(file).collect()
    }

    /// The names in the configuration file: the name, and for a secret the name with the path of a file.
    pub(crate) fn names_in_file(&self) -> Vec<String> {
        if !matches!(self.sources, Sources::File | Sources::OptionAndFile) {
            return Vec::new();
        }
        let name = (self.secrecy != Secrecy::Secret).then(|| self.name.to_owned());
        let file = (self.secrecy != Secrecy::Open).then(|| file_name(self.name));
        name.into_iter().chain(file).collect()
    }

    /// The help text with the default.
    pub(crate) fn help_with_default(&self) -> String {
        let default = self.default.map(|default| format!(" [default: {default}]"));
        format!("{}{}", self.help, default.unwrap_or_default())
    }
}

/// What a name in the configuration file takes. None if the program has no setting of this name.
pub(super) fn expected_in_file(name: &str) -> Option<&'static str> {
    let setting = ALL.iter().find(|setting| setting.names_in_file().iter().any(|known| known == name))?;
    Some(if name == setting.name { setting.expected } else { PATH })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::Arguments;
    use clap::CommandFactory;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_none_is_a_name_of_the_component() {
        let variables: Vec<_> = ALL.iter().flat_map(OwnSetting::variables).collect();
        let names: Vec<_> = ALL.iter().flat_map(OwnSetting::names_in_file).collect();
        for list in [&variables, &names] {
            assert_eq!(list.iter().collect::<BTreeSet<_>>().len(), list.len(), "{list:?}");
        }
        for component in credwell_core::configuration::settings::ALL {
            assert!(!variables.contains(&super::super::names::variable(component)), "{component:?}");
        }
        for setting in ALL {
            assert!(setting.variable.starts_with(&format!("CREDWELL_{}", setting.name.to_uppercase())));
        }
    }

    #[test]
    fn the_page_on_the_program_has_each_name() {
        let page = include_str!("../../../../docs/program.md");
        for setting in ALL {
            let names = setting.names_in_file().into_iter().chain(setting.option());
            for name in names.chain([setting.variable.to_owned()]) {
                assert!(page.contains(&format!("`{name}`")) || page.contains(&format!("`{name} ")), "{name}");
            }
        }
    }

    #[test]
    fn the_options_are_those_of_the_table() {
        let command = Arguments::command();
        for setting in ALL {
            for subcommand in command.get_subcommands() {
                let option = subcommand.get_arguments().find(|option| option.get_id() == setting.name);
                let has_settings = subcommand.get_arguments().any(|option| option.get_id() == "config");
                let is_read = match setting.scope {
                    Scope::All => has_settings,
                    Scope::Serve => subcommand.get_name() == "serve",
                };
                let expected = setting.option().filter(|_| is_read);
                let name = option.and_then(clap::Arg::get_long).map(|name| format!("--{name}"));
                assert_eq!(name, expected, "{} of {}", setting.name, subcommand.get_name());
                let Some(option) = option else { continue };
                // clap shows the value of an option's variable, which for a secret it must not.
                let variable = (setting.secrecy == Secrecy::Open).then_some(setting.variable);
                assert_eq!(option.get_env().and_then(|name| name.to_str()), variable, "{}", setting.name);
                let help = option.get_help().map(ToString::to_string);
                assert_eq!(help, Some(setting.help_with_default()), "{}", setting.name);
            }
        }
        let commands = std::iter::once(&command).chain(command.get_subcommands());
        for option in
            commands.flat_map(clap::Command::get_arguments).filter(|option| option.get_env().is_some())
        {
            assert!(ALL.iter().any(|setting| option.get_id() == setting.name), "{}", option.get_id());
        }
    }
}
