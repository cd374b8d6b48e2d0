//! The component, compiled and linked once, and started as often as there are calls.

use crate::bindings::generated::ProviderPre;
use crate::bindings::generated::wasi::{
    config0_2_0_draft_2024_09_27, config0_2_0_rc_1, keyvalue0_2_0_draft, keyvalue0_2_0_draft2,
};
use crate::state::State;
use crate::{Capabilities, Instance};
use anyhow::Context;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use wasmtime::component::{Component, HasData, HasSelf, InstancePre, Linker, ResourceTable};
use wasmtime::{Config, Engine, PoolingAllocationConfig};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::p2::bindings::{cli, clocks, io, random};
use wasmtime_wasi::random::WasiRandom;

/// How much memory an instance may use, in bytes.
pub const MEMORY_LIMIT: usize = 16 << 20;

/// How many instances may run at the same time. A call beyond that fails.
const INSTANCE_LIMIT: u32 = 256;

/// Which drafts of `wasi:keyvalue` and `wasi:config` the component imports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flavour {
    /// The drafts that wasmtime and wasmCloud serve.
    Wasmtime,
    /// The drafts that Spin serves.
    Spin,
}

impl Flavour {
    /// Both flavours, for tests that must hold in each.
    pub const ALL: [Self; 2] = [Self::Wasmtime, Self::Spin];

    /// Where the build tool puts the component: in the folder that the environment variable
    /// `CREDWELL_COMPONENTS` names, or else in `target/components` of the source tree.
    pub fn path(self) -> PathBuf {
        self.path_of(match self {
            Self::Wasmtime => "credwell.wasm",
            Self::Spin => "credwell-spin.wasm",
        })
    }

    /// Where the build tool puts the HTTP broker.
    pub fn broker_path(self) -> PathBuf {
        self.path_of(match self {
            Self::Wasmtime => "credwell-broker.wasm",
            Self::Spin => "credwell-broker-spin.wasm",
        })
    }

    fn path_of(self, file: &str) -> PathBuf {
        let folder = match std::env::var_os("CREDWELL_COMPONENTS") {
            Some(folder) => PathBuf::from(folder),
            None => PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/components")),
        };
        folder.join(file)
    }

    /// The component's bytes.
    ///
    /// # Errors
    ///
    /// The file can't be read, most likely because it isn't built yet.
    pub fn load(self) -> anyhow::Result<Vec<u8>> {
        read(&self.path())
    }
}

pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("can't read {}: run `cargo xtask build`", path.display()))
}

/// A compiled component with its imports linked. Clones share it.
#[derive(Clone)]
pub struct Runtime {
    pre: ProviderPre<State>,
}

impl Runtime {
    /// Compiles the built component. That takes a while, so do it once per process.
    ///
    /// # Errors
    ///
    /// The component isn't built, or as for [`Runtime::from_bytes`].
    pub fn new(flavour: Flavour) -> anyhow::Result<Self> {
        Self::from_bytes(flavour, &flavour.load()?)
    }

    /// Compiles a component that exports the credentials interface.
    ///
    /// # Errors
    ///
    /// The bytes are no component, it imports something that this host doesn't give it (files, sockets,
    /// the command line or the other flavour's drafts), or it doesn't export the interface.
    pub fn from_bytes(flavour: Flavour, component: &[u8]) -> anyhow::Result<Self> {
        link(flavour, component)
            .map(|pre| Self { pre })
            .map_err(|error| anyhow::Error::from_boxed(error.into()))
    }

    /// The runtime that all tests of a process share.
    ///
    /// # Errors
    ///
    /// As for [`Runtime::new`], and each time anew.
    pub fn shared(flavour: Flavour) -> anyhow::Result<&'static Self> {
        static WASMTIME: LazyLock<anyhow::Result<Runtime>> =
            LazyLock::new(|| Runtime::new(Flavour::Wasmtime));
        static SPIN: LazyLock<anyhow::Result<Runtime>> = LazyLock::new(|| Runtime::new(Flavour::Spin));
        let runtime = match flavour {
            Flavour::Wasmtime => &WASMTIME,
            Flavour::Spin => &SPIN,
        };
        runtime.as_ref().map_err(|error| anyhow::anyhow!("{error:#}"))
    }

    /// Starts an instance in a store of its own.
    ///
    /// # Errors
    ///
    /// Too many instances run at the same time, or the component needs more memory than
    /// [`MEMORY_LIMIT`].
    pub async fn instantiate(&self, capabilities: &Capabilities) -> anyhow::Result<Instance> {
        Instance::new(&self.pre, capabilities).await.map_err(|error| anyhow::Error::from_boxed(error.into()))
    }
}

fn link(flavour: Flavour, component: &[u8]) -> wasmtime::Result<ProviderPre<State>> {
    ProviderPre::new(prepare(flavour, component)?)
}

/// Compiles and links a component of any world, as [`Runtime::from_bytes`] does for the credentials' own.
///
/// # Errors
///
/// As for [`Runtime::from_bytes`], except for the export, which isn't asked for.
pub fn prepare(flavour: Flavour, component: &[u8]) -> wasmtime::Result<InstancePre<State>> {
    let engine = Engine::new(&configuration())?;
    let component = Component::new(&engine, component)?;
    linker(&engine, flavour)?.instantiate_pre(&component)
}

fn configuration() -> Config {
    let mut pool = PoolingAllocationConfig::new();
    // A component has a core module or two and the shims that adapt it. A composed one has several.
    pool.total_component_instances(INSTANCE_LIMIT)
        .total_stacks(INSTANCE_LIMIT)
        .total_core_instances(INSTANCE_LIMIT * 8)
        .total_memories(INSTANCE_LIMIT * 2)
        .total_tables(INSTANCE_LIMIT * 4)
        .max_memory_size(MEMORY_LIMIT);

    let mut configuration = Config::new();
    configuration
        .allocation_strategy(pool)
        // The default reserves gigabytes of addresses for each memory, more than small machines and
        // containers with an address limit have. Bounds checks in the code take its place.
        .memory_reservation(MEMORY_LIMIT as u64)
        .memory_guard_size(64 << 10)
        // Bounds the instructions of a call, waiting not included, and without a thread that ticks.
        .consume_fuel(true);
    configuration
}

/// The component's tables of streams and pollables.
struct Io;

impl HasData for Io {
    type Data<'a> = &'a mut ResourceTable;
}

/// Links what the component may import and nothing else. The convenience functions of `wasmtime-wasi` also
/// link files, sockets, environment and command line: a component that needs any of them must not start.
///
/// # Errors
///
/// The engine isn't one for components.
pub fn linker(engine: &Engine, flavour: Flavour) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    let linked = &mut linker;

    io::error::add_to_linker::<State, Io>(linked, |state| state.ctx().table)?;
    io::poll::add_to_linker::<State, Io>(linked, |state| state.ctx().table)?;
    io::streams::add_to_linker::<State, Io>(linked, |state| state.ctx().table)?;
    clocks::wall_clock::add_to_linker::<State, WasiClocks>(linked, State::clocks)?;
    clocks::monotonic_clock::add_to_linker::<State, WasiClocks>(linked, State::clocks)?;
    cli::stderr::add_to_linker::<State, WasiCli>(linked, State::cli)?;
    random::random::add_to_linker::<State, WasiRandom>(linked, |state| state.ctx().ctx.random())?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linked)?;
    match flavour {
        Flavour::Wasmtime => {
            keyvalue0_2_0_draft::store::add_to_linker::<_, HasSelf<_>>(linked, |state| state)?;
            keyvalue0_2_0_draft::atomics::add_to_linker::<_, HasSelf<_>>(linked, |state| state)?;
            config0_2_0_rc_1::store::add_to_linker::<_, HasSelf<_>>(linked, |state| state)?;
        }
        Flavour::Spin => {
            keyvalue0_2_0_draft2::store::add_to_linker::<_, HasSelf<_>>(linked, |state| state)?;
            keyvalue0_2_0_draft2::atomics::add_to_linker::<_, HasSelf<_>>(linked, |state| state)?;
            config0_2_0_draft_2024_09_27::store::add_to_linker::<_, HasSelf<_>>(linked, |state| state)?;
        }
    }
    Ok(linker)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPORT: &str = "credwell:credentials/credentials@0.1.0";
    const CONFIGURATION: &str = r#"
        (type $error (variant (case "upstream" string) (case "io" string)))
        (export "error" (type $named (eq $error)))
        (export "get-all" (func (result (result (list (tuple string string)) (error $named)))))
    "#;

    fn resource(name: &str) -> String {
        format!("(export \"{name}\" (type (sub resource)))")
    }

    /// Why a component with this one import and no export isn't taken.
    fn refusal(flavour: Flavour, import: &str, items: &str) -> String {
        let text = format!("(component (import \"{import}\" (instance {items})))");
        let component = wat::parse_str(text).expect("the component's text is valid");
        match Runtime::from_bytes(flavour, &component) {
            Ok(_) => panic!("a component without the export was taken"),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn a_component_gets_nothing_that_it_may_not_import() {
        let cwd = r#"(export "initial-cwd" (func (result (option string))))"#.to_owned();
        let random = r#"(export "get-insecure-random-u64" (func (result u64)))"#.to_owned();
        for (import, items) in [
            ("wasi:filesystem/types@0.2.12", resource("descriptor")),
            ("wasi:sockets/tcp@0.2.12", resource("tcp-socket")),
            ("wasi:cli/environment@0.2.12", cwd),
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
            // Where the import is linked, what is missing is the export.
            assert!(refusal(flavour, import, items).contains(EXPORT), "{import}");
            assert!(refusal(other, import, items).contains(import), "{import}");
        }
    }
}
