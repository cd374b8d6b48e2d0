//! The precompiled form of a component: machine code, which loads in milliseconds without a compiler.
//!
//! The form is the SHA-256 hash of the component, then what wasmtime serializes.

use crate::LoadError;
use crate::engine::baseline_engine;
use sha2::{Digest, Sha256};
use std::fmt;
use wasmtime::Engine;
use wasmtime::component::Component;

/// The length of a SHA-256 hash, in bytes.
const HASH_LENGTH: usize = 32;

/// A component together with its machine code from [`precompile`].
///
/// The machine code is used only if it was made from this component, by this version of wasmtime, with the
/// settings of this crate, and for features that this machine's processor has. Otherwise the host compiles the
/// component, which takes about half a second, and writes an event at the level `WARN` that says why.
#[derive(Clone, Copy)]
pub struct Precompiled<'a> {
    component: &'a [u8],
    machine_code: &'a [u8],
}

impl<'a> Precompiled<'a> {
    /// A component, and what [`precompile`] has returned for it.
    ///
    /// # Safety
    ///
    /// The process runs the machine code outside of any sandbox, and nothing can tell machine code of
    /// [`precompile`] from a forgery. So `machine_code` has to come from [`precompile`], on a way on which
    /// nobody can change it. `include_bytes!` of a file of the build is such a way. A file that the process
    /// reads at run time is none, unless nobody but the process's own administrator can write to it.
    #[expect(unsafe_code, reason = "only the caller knows where the machine code comes from")]
    pub const unsafe fn new(component: &'a [u8], machine_code: &'a [u8]) -> Self {
        Self { component, machine_code }
    }

    /// Loads the machine code, or else compiles the component.
    pub(crate) fn load(self, engine: &Engine) -> wasmtime::Result<Component> {
        self.load_machine_code(engine).or_else(|refusal| {
            tracing::warn!(
                refusal = format!("{refusal:#}"),
                "precompiled code refused: compiling the component"
            );
            Component::new(engine, self.component)
        })
    }

    fn load_machine_code(self, engine: &Engine) -> wasmtime::Result<Component> {
        let serialized = self
            .machine_code
            .strip_prefix(hash(self.component).as_slice())
            .ok_or_else(|| wasmtime::format_err!("it was made from another component"))?;
        // SAFETY: whoever made this value has promised that the machine code is from `precompile`.
        #[expect(unsafe_code, reason = "wasmtime can't check that machine code is its own")]
        unsafe {
            Component::deserialize(engine, serialized)
        }
    }
}

impl fmt::Debug for Precompiled<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Precompiled").finish_non_exhaustive()
    }
}

/// Compiles a component for [`Precompiled`], for example in the build of a program that carries it.
///
/// The machine code is for this operating system and architecture. On Linux it is for each processor of the
/// architecture that is 64-bit ARM, or at least of the level x86-64-v3: Intel's from 2013 on, AMD's from 2015 on.
/// Elsewhere it is for processors with the features of this machine's.
///
/// # Errors
///
/// [`LoadError::Unusable`]: the bytes are not a component.
pub fn precompile(component: &[u8]) -> Result<Vec<u8>, LoadError> {
    let serialized = baseline_engine().and_then(|engine| engine.precompile_component(component));
    Ok([hash(component).as_slice(), &serialized.map_err(LoadError::Unusable)?].concat())
}

fn hash(component: &[u8]) -> [u8; HASH_LENGTH] {
    Sha256::digest(component).into()
}
