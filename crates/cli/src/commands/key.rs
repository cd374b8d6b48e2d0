//! The command `credwell key`: a new encryption key.

use crate::capabilities::random_key;
use crate::cli_error::CliError;
use crate::exit_status::ExitStatus;
use crate::terminal::print_raw;
use clap::Args;

pub(crate) const EXAMPLES: &str = "\
Examples:
  $ credwell key
  $ (umask 077; credwell key > ~/.config/credwell/encryption-keys)
  $ export CREDWELL_ENCRYPTION_KEYS_FILE=~/.config/credwell/encryption-keys

To rotate the key, put a new key with another id before the old key, separated by a comma.";

/// The greatest length of an id that the component accepts.
const MAXIMUM_ID_LENGTH: usize = 32;

#[derive(Args)]
pub(crate) struct KeyArguments {
    /// Id of the key: 1 to 32 letters, digits, - and _
    #[arg(long, default_value = "k1", value_parser = id)]
    id: String,
}

pub(crate) fn run(arguments: &KeyArguments) -> Result<ExitStatus, CliError> {
    print_raw(&format!("{}:{}\n", arguments.id, random_key()?))?;
    Ok(ExitStatus::Success)
}

fn id(text: &str) -> Result<String, &'static str> {
    let is_valid = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    if (1..=MAXIMUM_ID_LENGTH).contains(&text.len()) && text.chars().all(is_valid) {
        Ok(text.to_owned())
    } else {
        Err("an id has 1 to 32 letters, digits, - and _")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use credwell_core::configuration::encryption_keys::EncryptionKeys;

    #[test]
    fn the_component_accepts_the_same_ids() {
        let longest = "a".repeat(MAXIMUM_ID_LENGTH);
        let too_long = "a".repeat(MAXIMUM_ID_LENGTH + 1);
        for text in ["k1", "2026-11_A", &longest, &too_long, "", "a b", "a.b", "ä"] {
            let keys = format!("{text}:{}", "0".repeat(64));
            assert_eq!(id(text).is_ok(), EncryptionKeys::parse(&keys).is_some(), "{text}");
        }
    }
}
