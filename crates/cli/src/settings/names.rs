//! The names of settings in the environment and in the configuration file.

use super::own;
use credwell_core::configuration::settings::{ALL, Description, Scope};

/// The environment variable of a setting of the component.
pub(crate) fn variable(description: &Description) -> String {
    description.setting.name.to_ascii_uppercase()
}

/// The environment variable with the path of the file that contains the secret of `variable`.
pub(super) fn file_variable(variable: &str) -> String {
    format!("{variable}_FILE")
}

/// The name in the configuration file with the path of the file that contains the secret `name`.
pub(super) fn file_name(name: &str) -> String {
    format!("{name}_file")
}

/// The secret of the component whose [`file_name`] this is.
pub(super) fn find_secret_of_file(file_name: &str) -> Option<&'static Description> {
    let name = file_name.strip_suffix("_file")?;
    ALL.iter().find(|description| description.is_secret && description.short_name() == name)
}

/// Whether this is an environment variable of the program or of the component.
pub(super) fn is_known_variable(name: &str) -> bool {
    let is_of_component = |description: &Description| {
        let variable = variable(description);
        variable == name || (description.is_secret && file_variable(&variable) == name)
    };
    ALL.iter().any(is_of_component) || own::ALL.iter().any(|own| own.variables().iter().any(|it| it == name))
}

/// Whether the broker alone reads the setting of the component.
pub(crate) fn is_of_broker(full_name: &str) -> bool {
    ALL.iter().any(|it| it.setting.name == full_name && it.scope == Scope::Broker)
}
