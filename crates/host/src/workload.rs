//! The workload: an embedder's own component, for example one that is composed with the credentials
//! component.

use crate::engine::{Permit, Permits};
use crate::{Capabilities, Flavour, LoadError, Precompiled, State, Trap, engine, link, store};
use wasmtime::component::{Component, Instance, InstancePre};
use wasmtime::{Engine, Store};

/// A compiled component of any world with its imports linked. It may import the interfaces that the
/// credentials component imports (see [`crate::link::all`]). Clones share the compiled code.
///
/// ```
/// use credwell_host::{Capabilities, FixedConfiguration, Flavour, Network, Workload};
/// use std::sync::Arc;
///
/// // It exports `run`.
/// # const COMPONENT: &str = r#"(component
/// #     (core module $module (func (export "run") (result i32) (i32.const 7)))
/// #     (core instance $code (instantiate $module))
/// #     (func (export "run") (result u32) (canon lift (core func $code "run"))))"#;
/// # fn component() -> wasmtime::Result<Vec<u8>> {
/// #     Ok(wat::parse_str(COMPONENT)?)
/// # }
/// #
/// #[tokio::main]
/// async fn main() -> wasmtime::Result<()> {
///     let network = Network::to(["api.pipedream.com", "api.example.com"]);
///     let key_value = credwell_key_value::open(&"memory:".parse()?).await?;
///     let configuration = FixedConfiguration::default();
///     let capabilities = Capabilities::new(Arc::new(network), key_value, Arc::new(configuration));
///
///     // Once per process: this compiles the component.
///     let workload = Workload::from_bytes(Flavour::Wasmtime, &component()?)?;
///     let mut running = workload.instantiate(&capabilities).await?;
///     let run = running.instance.get_typed_func::<(), (u32,)>(&mut running.store, "run")?;
///     assert_eq!(run.call_async(&mut running.store, ()).await?, (7,));
///     Ok(())
/// }
/// ```
///
/// [`TICK_LIMIT`](crate::TICK_LIMIT) limits the time for which an instance computes. [`renew`](crate::renew)
/// begins another call.
#[derive(Clone)]
pub struct Workload {
    pre: InstancePre<State>,
    permits: Permits,
}

/// A running instance of a [`Workload`], in a store of its own.
pub struct WorkloadInstance {
    /// The store, which each call takes as an argument.
    pub store: Store<State>,
    /// The instance. The types that `wasmtime::component::bindgen!` generates take it as an argument of
    /// `new`.
    pub instance: Instance,
    /// Dropped after the store.
    _permit: Permit,
}

impl Workload {
    /// Compiles a component and links its imports. Compiling takes about a second, so a process does it once.
    ///
    /// # Errors
    ///
    /// [`LoadError::Unusable`]: the bytes are not a component, or the component imports an interface that
    /// this host does not give it.
    pub fn from_bytes(flavour: Flavour, component: &[u8]) -> Result<Self, LoadError> {
        Self::load(flavour, |engine| Component::new(engine, component))
    }

    /// Loads a component that was compiled before, in a few milliseconds.
    ///
    /// # Errors
    ///
    /// As for [`Workload::from_bytes`]. Machine code that this process can't use is no error: see
    /// [`Precompiled`].
    pub fn from_precompiled(flavour: Flavour, precompiled: Precompiled<'_>) -> Result<Self, LoadError> {
        Self::load(flavour, |engine| precompiled.load(engine))
    }

    fn load(
        flavour: Flavour,
        component: impl FnOnce(&Engine) -> wasmtime::Result<Component>,
    ) -> Result<Self, LoadError> {
        let pre = engine::prepare(component, |linker| link::all(linker, flavour));
        let pre = pre.map_err(LoadError::Unusable)?;
        let permits = Permits::for_running(pre.component());
        Ok(Self { pre, permits })
    }

    /// The component as wasmtime knows it.
    pub fn component(&self) -> &Component {
        self.pre.component()
    }

    /// Starts an instance. While too many instances run, the call waits until one of them ends.
    ///
    /// # Errors
    ///
    /// The component needs more memory than [`MEMORY_LIMIT`](crate::MEMORY_LIMIT), or its start fails.
    pub async fn instantiate(&self, capabilities: &Capabilities) -> Result<WorkloadInstance, Trap> {
        let permit = self.permits.running().await;
        let mut store = store(self.pre.engine(), capabilities);
        let instance = self.pre.instantiate_async(&mut store).await.map_err(Trap)?;
        Ok(WorkloadInstance { store, instance, _permit: permit })
    }
}
