//! The components that the program carries.

use crate::cli_error::CliError;
use credwell_host::{Broker, Flavour, Runtime};

include!(concat!(env!("OUT_DIR"), "/components.rs"));

/// Compiles the credentials component.
///
/// # Errors
/// The program was built without it, or the machine can't run it.
pub(crate) fn credentials() -> Result<Runtime, CliError> {
    let component = CREDENTIALS.ok_or(CliError::NoComponent)?;
    Ok(Runtime::from_bytes(Flavour::Wasmtime, component)?)
}

/// Compiles the HTTP broker.
///
/// # Errors
/// As for [`credentials`].
pub(crate) fn broker() -> Result<Broker, CliError> {
    let component = BROKER.ok_or(CliError::NoComponent)?;
    Ok(Broker::from_bytes(Flavour::Wasmtime, component)?)
}
