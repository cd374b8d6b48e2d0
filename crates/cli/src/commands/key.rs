//! `credwell key`.

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

To rotate, put a new key with another id and a comma in front of the old one.";

/// The component's limit.
const LONGEST_ID: usize = 32;

#[derive(Args)]
pub(crate) struct KeyArguments {
    /// The key's id: 1 to 32 letters, digits, - and _
    #[arg(long, default_value = "k1", value_parser = id)]
    id: String,
}

pub(crate) fn run(arguments: &KeyArguments) -> Result<ExitStatus, CliError> {
    print_raw(&format!("{}:{}\n", arguments.id, random_key()?))?;
    Ok(ExitStatus::Good)
}

fn id(text: &str) -> Result<String, &'static str> {
    let is_valid = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    if (1..=LONGEST_ID).contains(&text.len()) && text.chars().all(is_valid) {
        Ok(text.to_owned())
    } else {
        Err("an id has 1 to 32 letters, digits, - and _")
    }
}
