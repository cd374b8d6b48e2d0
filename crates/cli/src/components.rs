//! The components that the program carries.

use crate::cli_error::CliError;
use credwell_host::{Broker, Flavour, Precompiled, Runtime};

include!(concat!(env!("OUT_DIR"), "/components.rs"));

/// A component in this program.
struct Embedded {
    component: &'static [u8],
    /// What `credwell_host::precompile` has returned for it in the build of this program. `None` if the build
    /// was not for production, or for another platform than its own.
    precompiled: Option<&'static [u8]>,
}

impl Embedded {
    /// The component with its machine code, if the program carries that.
    fn precompiled(&self) -> Option<Precompiled<'static>> {
        let machine_code = self.precompiled?;
        // SAFETY: the bytes are part of this program, so whoever can change them can change the program. The
        // build script has taken them from the file that `cargo xtask program` writes.
        #[expect(unsafe_code, reason = "the program runs machine code that its build has made")]
        Some(unsafe { Precompiled::new(self.component, machine_code) })
    }
}

/// Loads the credentials component, or compiles it.
///
/// # Errors
/// The program was built without it, or the machine can't run it.
pub(crate) fn credentials() -> Result<Runtime, CliError> {
    let embedded = CREDENTIALS.ok_or(CliError::NoComponent)?;
    Ok(match embedded.precompiled() {
        Some(precompiled) => Runtime::from_precompiled(Flavour::Wasmtime, precompiled),
        None => Runtime::from_bytes(Flavour::Wasmtime, embedded.component),
    }?)
}

/// Loads the HTTP broker, or compiles it.
///
/// # Errors
/// As for [`credentials`].
pub(crate) fn broker() -> Result<Broker, CliError> {
    let embedded = BROKER.ok_or(CliError::NoComponent)?;
    Ok(match embedded.precompiled() {
        Some(precompiled) => Broker::from_precompiled(Flavour::Wasmtime, precompiled),
        None => Broker::from_bytes(Flavour::Wasmtime, embedded.component),
    }?)
}
