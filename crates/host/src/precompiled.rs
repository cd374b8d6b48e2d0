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
/// settings of this crate, and for features that this machine's processor has. Otherwise the host compiles
/// the component, which takes half a second to a second, and writes an event at the level `WARN` that says
/// why.
///
/// A build compiles the component with [`precompile`], and the program carries both files:
///
/// ```
/// use credwell_host::{Flavour, Precompiled, Runtime, precompile};
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     // A program has `include_bytes!("credwell.wasm")`, and the same for the machine code.
///     let component = Flavour::Wasmtime.load()?;
///     let machine_code = precompile(&component)?;
///
///     // SAFETY: the machine code is what `precompile` has returned.
///     let precompiled = unsafe { Precompiled::new(&component, &machine_code) };
///     Runtime::from_precompiled(Flavour::Wasmtime, precompiled)?;
///     Ok(())
/// }
/// ```
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
/// architecture that is 64-bit ARM, or at least of the level x86-64-v2: Intel's from 2009 on, AMD's from
/// 2011 on. Elsewhere it is for processors with the features of this machine's.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{configuration, with_bounds_checks};
    use crate::{Capabilities, FixedConfiguration, Flavour, Network, Workload, lock};
    use std::io;
    use std::sync::{Arc, Mutex};
    use wasmtime::Config;

    /// The text of a component whose function `run` returns this number.
    fn component(number: u32) -> Vec<u8> {
        let text = format!(
            r#"(component
                (core module $module (func (export "run") (result i32) (i32.const {number})))
                (core instance $code (instantiate $module))
                (func (export "run") (result u32) (canon lift (core func $code "run"))))"#
        );
        wat::parse_str(text).expect("the component's text is valid")
    }

    /// The events of a test.
    #[derive(Clone, Default)]
    struct Events(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Events {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            lock(&self.0).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What `run` returns, and the events of loading.
    async fn run(component: &[u8], machine_code: &[u8]) -> (u32, String) {
        let events = Events::default();
        let writer = events.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        // SAFETY: each test uses machine code of `precompile`, changed only where wasmtime checks it.
        #[expect(unsafe_code, reason = "the tests make and change machine code")]
        let precompiled = unsafe { Precompiled::new(component, machine_code) };
        let workload = tracing::subscriber::with_default(subscriber, || {
            Workload::from_precompiled(Flavour::Wasmtime, precompiled).expect("the component can be used")
        });
        let key_value =
            credwell_key_value::open(&"memory:".parse().expect("a store")).await.expect("a store");
        let network = Arc::new(Network::to(["localhost"]));
        let capabilities = Capabilities::new(network, key_value, Arc::new(FixedConfiguration::default()));
        let mut running = workload.instantiate(&capabilities).await.expect("the component starts");
        let function = running.instance.get_typed_func::<(), (u32,)>(&mut running.store, "run");
        let (number,) =
            function.expect("it exports it").call_async(&mut running.store, ()).await.expect("a number");
        let text = lock(&events.0).clone();
        (number, String::from_utf8(text).expect("the events are text"))
    }

    /// The bytes, with `old` replaced by `new` in each place.
    fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        let places: Vec<_> = bytes
            .windows(old.len())
            .enumerate()
            .filter(|(_, window)| *window == old)
            .map(|(place, _)| place)
            .collect();
        assert!(!places.is_empty(), "the machine code has no {:?}", String::from_utf8_lossy(old));
        for place in places {
            bytes[place..place + new.len()].copy_from_slice(new);
        }
        bytes
    }

    #[tokio::test]
    async fn machine_code_of_this_build_is_used() {
        let (seven, eight) = (component(7), component(8));
        let machine_code = precompile(&seven).expect("it compiles");
        assert_eq!(run(&seven, &machine_code).await, (7, String::new()));
        // The code that runs is the machine code, not the component that stands beside it.
        let forged = [hash(&eight).as_slice(), &machine_code[HASH_LENGTH..]].concat();
        assert_eq!(run(&eight, &forged).await, (7, String::new()));
    }

    #[tokio::test]
    async fn a_refusal_is_an_event_and_the_component_is_compiled() {
        let (seven, eight) = (component(7), component(8));
        let machine_code = precompile(&seven).expect("it compiles");
        let hash = &machine_code[..HASH_LENGTH];

        let mut settings = Config::new();
        settings
            .module_version(wasmtime::ModuleVersionStrategy::Custom(wasmtime_environ::VERSION.to_owned()))
            .expect("the version is short");
        let other = Engine::new(&settings).and_then(|engine| engine.precompile_component(&seven));
        let other_settings = [hash, &other.expect("it compiles")].concat();

        let version = wasmtime_environ::VERSION;
        let mut other_version = version.to_owned();
        other_version.replace_range(version.len() - 1.., "x");
        let other_version = replaced(&machine_code, version.as_bytes(), other_version.as_bytes());

        let mut cases = vec![
            (precompile(&eight).expect("it compiles"), "another component"),
            (other_version, "incompatible version"),
            (other_settings, "Module was compiled with"),
            (machine_code[..machine_code.len() / 2].to_vec(), "failed to parse"),
            (hash.to_vec(), "failed to parse"),
            (Vec::new(), "another component"),
        ];
        if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            // To wasmtime a feature that it doesn't know is one that the processor lacks.
            cases.push((replaced(&machine_code, b"has_sse42", b"has_sse49"), "has_sse49"));
        }
        for (machine_code, reason) in cases {
            let (number, events) = run(&seven, &machine_code).await;
            assert_eq!(number, 7, "{reason}");
            assert!(events.contains("WARN") && events.contains("precompiled code refused"), "{events}");
            assert!(events.contains(reason), "{events}");
        }
    }

    /// Where the process may not have many addresses, [`crate::engine()`] has these settings.
    #[test]
    fn an_engine_with_few_addresses_refuses_machine_code_and_compiles() {
        let seven = component(7);
        let machine_code = precompile(&seven).expect("it compiles");
        // SAFETY: the machine code is what `precompile` has returned.
        #[expect(unsafe_code, reason = "the test has made the machine code")]
        let precompiled = unsafe { Precompiled::new(&seven, &machine_code) };
        let settings = configuration().map(with_bounds_checks);
        let engine = settings.and_then(|settings| Engine::new(&settings)).expect("the machine has addresses");
        let refusal = precompiled.load_machine_code(&engine).expect_err("a refusal").to_string();
        assert!(refusal.contains("memory reservation"), "{refusal}");
        assert!(precompiled.load(&engine).is_ok());
    }

    #[test]
    fn only_a_component_can_be_precompiled() {
        assert!(matches!(precompile(b"no component"), Err(LoadError::Unusable(_))));
    }
}
