//! The runtime of the credentials component: compiled and linked once, started for many calls.

use crate::bindings::provider::ProviderPre;
use crate::engine::{Permit, Permits};
use crate::state::State;
use crate::{Capabilities, Flavour, Instance, LoadError, Precompiled, Trap, engine, link};
use wasmtime::Engine;
use wasmtime::component::Component;

/// The compiled credentials component with its imports linked. Clones share it.
#[derive(Clone)]
pub struct Runtime {
    pre: ProviderPre<State>,
    pub(crate) permits: Permits,
}

impl Runtime {
    /// Reads and compiles the component at [`Flavour::path`], where that path is safe. Compiling takes about
    /// a second, so a process does it once.
    ///
    /// # Errors
    ///
    /// [`LoadError::Unreadable`], or as for [`Runtime::from_bytes`].
    pub fn new(flavour: Flavour) -> Result<Self, LoadError> {
        Self::from_bytes(flavour, &flavour.load()?)
    }

    /// Compiles a component that exports the credentials interface, for example one that the program carries
    /// as `include_bytes!("credwell.wasm")`.
    ///
    /// # Errors
    ///
    /// [`LoadError::Unusable`]: the bytes are not a component, the component does not export the interface,
    /// or the component imports an interface that this host does not give it. Those are files, sockets, the
    /// command line, the environment and the other flavour's drafts.
    pub fn from_bytes(flavour: Flavour, component: &[u8]) -> Result<Self, LoadError> {
        Self::load(flavour, |engine| Component::new(engine, component))
    }

    /// Loads a component that was compiled before, in a few milliseconds.
    ///
    /// # Errors
    ///
    /// As for [`Runtime::from_bytes`]. Machine code that this process can't use is no error: see
    /// [`Precompiled`].
    pub fn from_precompiled(flavour: Flavour, precompiled: Precompiled<'_>) -> Result<Self, LoadError> {
        Self::load(flavour, |engine| precompiled.load(engine))
    }

    fn load(
        flavour: Flavour,
        component: impl FnOnce(&Engine) -> wasmtime::Result<Component>,
    ) -> Result<Self, LoadError> {
        let pre = engine::prepare(component, |linker| link::all(linker, flavour)).and_then(ProviderPre::new);
        let pre = pre.map_err(LoadError::Unusable)?;
        let permits = Permits::for_running_and_idle(pre.instance_pre().component());
        Ok(Self { pre, permits })
    }

    /// Starts an instance in a store of its own. While too many instances run, the call waits until one of
    /// them ends.
    ///
    /// # Errors
    ///
    /// The component needs more memory than [`MEMORY_LIMIT`](crate::MEMORY_LIMIT).
    pub async fn instantiate(&self, capabilities: &Capabilities) -> Result<Instance, Trap> {
        self.start(capabilities, self.permits.running().await).await
    }

    /// Starts an instance that holds this permit.
    pub(crate) async fn start(&self, capabilities: &Capabilities, permit: Permit) -> Result<Instance, Trap> {
        Instance::new(&self.pre, capabilities, permit).await.map_err(Trap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPORT: &str = "credwell:credentials/credentials@0.2.0";
    const CONFIGURATION: &str = r#"
        (type $error (variant (case "upstream" string) (case "io" string)))
        (export "error" (type $named (eq $error)))
        (export "get-all" (func (result (result (list (tuple string string)) (error $named)))))
    "#;

    fn resource(name: &str) -> String {
        format!("(export \"{name}\" (type (sub resource)))")
    }

    /// The error text for a component with this one import and no export.
    fn refusal(flavour: Flavour, import: &str, items: &str) -> String {
        let text = format!("(component (import \"{import}\" (instance {items})))");
        let component = wat::parse_str(text).expect("the component's text is valid");
        match Runtime::from_bytes(flavour, &component) {
            Ok(_) => panic!("a component without the export was accepted"),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn a_component_gets_nothing_that_it_may_not_import() {
        let cwd = r#"(export "initial-cwd" (func (result (option string))))"#.to_owned();
        let stderr = r#"(export "get-stderr" (func (result string)))"#.to_owned();
        let random = r#"(export "get-insecure-random-u64" (func (result u64)))"#.to_owned();
        for (import, items) in [
            ("wasi:filesystem/types@0.2.12", resource("descriptor")),
            ("wasi:sockets/tcp@0.2.12", resource("tcp-socket")),
            ("wasi:cli/environment@0.2.12", cwd),
            ("wasi:cli/stderr@0.2.12", stderr),
            ("wasi:random/insecure@0.2.12", random),
        ] {
            for flavour in Flavour::ALL {
                assert!(refusal(flavour, import, &items).contains(import), "{import}");
            }
        }
    }

    #[test]
    fn each_flavour_gets_its_own_drafts() {
        let bucket = resource("bucket");
        for (import, items, flavour, other) in [
            ("wasi:keyvalue/store@0.2.0-draft", bucket.as_str(), Flavour::Wasmtime, Flavour::Spin),
            ("wasi:keyvalue/store@0.2.0-draft2", &bucket, Flavour::Spin, Flavour::Wasmtime),
            ("wasi:config/store@0.2.0-rc.1", CONFIGURATION, Flavour::Wasmtime, Flavour::Spin),
            ("wasi:config/store@0.2.0-draft-2024-09-27", CONFIGURATION, Flavour::Spin, Flavour::Wasmtime),
        ] {
            // The import is linked, so the missing export is the first error.
            assert!(refusal(flavour, import, items).contains(EXPORT), "{import}");
            assert!(refusal(other, import, items).contains(import), "{import}");
        }
    }
}
