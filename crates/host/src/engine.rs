//! The wasmtime engine of this host, set up for many short calls, and the permits for its instances.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::{Config, Engine, PoolingAllocationConfig};

/// The memory that an instance can use, in bytes.
pub const MEMORY_LIMIT: usize = 16 << 20;

/// The number of instances that an engine has room for, including idle ones. wasmtime refuses to start one more, so
/// every instance of this crate has a permit.
pub const INSTANCE_LIMIT: u32 = 256;

/// The number of instances that can be idle, kept for a later call.
const IDLE_LIMIT: u32 = 64;

/// The parts of one component: an instance takes all of them from the engine's pool, so the pool has them for each of
/// its instances. A component has a core module or two and the shims that adapt it. A composed component has several.
const CORE_INSTANCES_PER_COMPONENT: u32 = 16;
const MEMORIES_PER_COMPONENT: u32 = 4;
const TABLES_PER_COMPONENT: u32 = 16;

/// The permits of an engine: as many as its pool has room for.
#[derive(Clone)]
pub(crate) struct Permits {
    running: Arc<Semaphore>,
    idle: Arc<Semaphore>,
}

/// The permit of one instance. Its holder drops it after the instance's store, when the room in the pool is free again.
pub(crate) struct Permit(
    #[expect(dead_code, reason = "the drop gives the permit back")] OwnedSemaphorePermit,
);

impl Permits {
    pub(crate) fn new() -> Self {
        let running = (INSTANCE_LIMIT - IDLE_LIMIT) as usize;
        Self {
            running: Arc::new(Semaphore::new(running)),
            idle: Arc::new(Semaphore::new(IDLE_LIMIT as usize)),
        }
    }

    /// Waits for the permit of a running instance.
    pub(crate) async fn running(&self) -> Permit {
        let permit = Arc::clone(&self.running).acquire_owned().await;
        Permit(permit.expect("the semaphore is never closed"))
    }

    /// The permit of an idle instance. None if too many instances are idle.
    pub(crate) fn idle(&self) -> Option<Permit> {
        Arc::clone(&self.idle).try_acquire_owned().ok().map(Permit)
    }
}

/// An engine that takes the memory of each instance from a pool, and counts the instructions of a call.
///
/// The pool has room for [`INSTANCE_LIMIT`] instances. [`Runtime`](crate::Runtime), [`Broker`](crate::Broker) and
/// [`Workload`](crate::Workload) wait for room. An embedder that starts instances without them has to do so itself.
///
/// # Errors
///
/// The machine can't reserve the addresses of the pool.
pub fn engine() -> wasmtime::Result<Engine> {
    Engine::new(&configuration())
}

fn configuration() -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(INSTANCE_LIMIT)
        .total_stacks(INSTANCE_LIMIT)
        .total_core_instances(INSTANCE_LIMIT * CORE_INSTANCES_PER_COMPONENT)
        .total_memories(INSTANCE_LIMIT * MEMORIES_PER_COMPONENT)
        .total_tables(INSTANCE_LIMIT * TABLES_PER_COMPONENT)
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_memories_per_component(MEMORIES_PER_COMPONENT)
        .max_tables_per_component(TABLES_PER_COMPONENT)
        .max_memory_size(MEMORY_LIMIT);

    let mut configuration = Config::new();
    configuration
        .allocation_strategy(pool)
        // The default reserves gigabytes of addresses for each memory, more than small machines and
        // containers with an address limit have. Bounds checks in the code take its permit.
        .memory_reservation(MEMORY_LIMIT as u64)
        .memory_guard_size(64 << 10)
        // Bounds the instructions of a call, not its waits, and needs no thread that ticks.
        .consume_fuel(true);
    configuration
}

/// Compiles a component in an engine of its own, and links its imports with `link`.
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
