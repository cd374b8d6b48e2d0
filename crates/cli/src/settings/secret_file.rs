//! Files that contain one secret each.

use super::SettingsError;
use secrecy::{ExposeSecret, SecretString};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Reads the secret in the file `path`, without the line break at its end. `setting` is the name of the
/// setting that names the file. A file that other users may read adds a warning.
pub(super) fn read(
    setting: &str,
    path: &Path,
    warnings: &mut Vec<String>,
) -> Result<SecretString, SettingsError> {
    let unreadable =
        |error| SettingsError::SecretUnreadable { setting: setting.to_owned(), path: path.to_owned(), error };
    let text = SecretString::from(std::fs::read_to_string(path).map_err(unreadable)?);
    let secret = text.expose_secret().trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(SettingsError::SecretMissing { setting: setting.to_owned(), path: path.to_owned() });
    }
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if metadata.is_file() && metadata.permissions().mode() & 0o077 != 0 {
        warnings.push(format!("{setting}: other users may read {}: chmod 600 it", path.display()));
    }
    Ok(SecretString::from(secret))
}
