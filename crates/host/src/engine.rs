//! wasmtime, set up for many short calls.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::{Config, Engine, PoolingAllocationConfig};

/// How much memory an instance may use, in bytes.
pub const MEMORY_LIMIT: usize = 16 << 20;

/// How many instances an engine has room for, those included that wait for a call. Starting one beyond that fails.
pub const INSTANCE_LIMIT: u32 = 256;

/// How many of them may wait for a call.
const IDLE_LIMIT: u32 = 64;

/// The room that an engine has, so that nothing fails for want of it.
#[derive(Clone)]
pub(crate) struct Permits {
    running: Arc<Semaphore>,
    idle: Arc<Semaphore>,
}

/// The permit of one instance.
pub(crate) struct Permit(#[expect(dead_code, reason = "it is for its end")] OwnedSemaphorePermit);

impl Permits {
    pub(crate) fn new() -> Self {
        let running = (INSTANCE_LIMIT - IDLE_LIMIT) as usize;
        Self {
            running: Arc::new(Semaphore::new(running)),
            idle: Arc::new(Semaphore::new(IDLE_LIMIT as usize)),
        }
    }

    /// Waits for a permit to run in.
    pub(crate) async fn to_run(&self) -> Permit {
        let permit = Arc::clone(&self.running).acquire_owned().await;
        Permit(permit.expect("nobody closes it"))
    }

    /// A permit to wait for a call in, if one is free.
    pub(crate) fn to_wait(&self) -> Option<Permit> {
        Arc::clone(&self.idle).try_acquire_owned().ok().map(Permit)
    }
}

/// An engine that gives each instance its memory from a pool and counts what a call computes.
///
/// # Errors
///
/// The machine can't give the pool its addresses.
pub fn engine() -> wasmtime::Result<Engine> {
    Engine::new(&configuration())
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
        // containers with an address limit have. Bounds checks in the code take its permit.
        .memory_reservation(MEMORY_LIMIT as u64)
        .memory_guard_size(64 << 10)
        // Bounds the instructions of a call, waiting not included, and without a thread that ticks.
        .consume_fuel(true);
    configuration
}

/// Compiles a component in an engine of its own, and gives it what `link` links.
pub(crate) fn prepare<T>(
    component: &[u8],
    link: impl FnOnce(&mut Linker<T>) -> wasmtime::Result<()>,
) -> wasmtime::Result<InstancePre<T>> {
    let engine = engine()?;
    let component = Component::new(&engine, component)?;
    let mut linker = Linker::new(&engine);
    link(&mut linker)?;
    linker.instantiate_pre(&component)
}
