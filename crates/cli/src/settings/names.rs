//! The names of the components' settings, as the environment, the options and the help text have them.

use credwell_core::configuration::settings::{ALL, Description, Scope};

/// The environment variable of the store's URL. With `_FILE` at its end, the variable of a file that holds the URL.
pub(crate) const STORE_VARIABLE: &str = "CREDWELL_STORE_URL";

/// The environment variable of the key of fingerprints in the audit log. With `_FILE` at its end, the variable of a file
/// that holds the key.
pub(crate) const FINGERPRINT_VARIABLE: &str = "CREDWELL_FINGERPRINT_KEY";

/// The environment variables that are neither an option's nor a component's.
pub(crate) const OTHER_VARIABLES: [&str; 5] = [
    STORE_VARIABLE,
    "CREDWELL_STORE_URL_FILE",
    FINGERPRINT_VARIABLE,
    "CREDWELL_FINGERPRINT_KEY_FILE",
    "CREDWELL_COMPONENTS",
];

/// The environment variable of a setting.
pub(crate) fn variable(description: &Description) -> String {
    description.setting.name.to_ascii_uppercase()
}

/// Whether the broker alone reads the setting.
pub(crate) fn is_of_broker(full_name: &str) -> bool {
    ALL.iter().any(|it| it.setting.name == full_name && it.scope == Scope::Broker)
}

/// The help text: a line for each setting.
pub(crate) fn help() -> String {
    let line = |description: &Description| {
        let secret = if description.is_secret { "Secret. " } else { "" };
        let default = description.setting.default.map(|default| format!(" [default: {default}]"));
        let name = description.short_name();
        format!("  {name:<30} {secret}{}{}\n", description.help, default.unwrap_or_default())
    };
    ALL.iter().map(line).collect()
}
