//! The wasmtime engine of this host, set up for many short calls, and the permits for its instances.

use crate::ticks;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::{Config, Engine, ModuleVersionStrategy, PoolingAllocationConfig};

/// The memory that an instance can use, in bytes.
pub const MEMORY_LIMIT: usize = 16 << 20;

/// The largest number of instances that run in an engine at the same time.
pub const INSTANCE_LIMIT: u32 = 256;

/// The largest number of idle instances, which are kept for a later call or request.
pub(crate) const IDLE_LIMIT: u32 = 64;

/// The number of instances in the pool. wasmtime fails to start one more, so this crate takes a permit for
/// each instance.
const POOL: u32 = INSTANCE_LIMIT + IDLE_LIMIT;

/// The number of linear memories in the pool. An instance of the credentials component or of the broker has
/// one memory. An instance of a composed component has several.
const MEMORY_COUNT: u32 = POOL * 2;

/// The number of tables in the pool.
const TABLE_COUNT: u32 = POOL * 4;

/// The number of core instances in the pool. The pool only counts them, so the number is larger than any
/// component needs.
const CORE_INSTANCE_COUNT: u32 = POOL * 256;

/// The level of x86-64 processors on which the machine code of a build runs: Intel's from 2009 on, AMD's from
/// 2011 on. The components are no faster with the instructions of the next level.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
const X86_64_LEVEL: &str = "x86-64-v2";

/// The permits for instances of one component: as many as the engine's pool has room for.
#[derive(Clone)]
pub(crate) struct Permits {
    running: Arc<Semaphore>,
    idle: Arc<Semaphore>,
    room: u32,
}

/// The permit of one instance. The holder drops the permit after the instance's store, because dropping the
/// store frees the room in the pool.
pub(crate) struct Permit(
    #[expect(dead_code, reason = "the drop gives the permit back")] OwnedSemaphorePermit,
);

impl Permits {
    /// All of the pool's room for running instances.
    pub(crate) fn for_running(component: &Component) -> Self {
        Self::new(component, 0)
    }

    /// The pool's room, divided between running and idle instances.
    pub(crate) fn for_running_and_idle(component: &Component) -> Self {
        Self::new(component, IDLE_LIMIT)
    }

    fn new(component: &Component, idle: u32) -> Self {
        let required = component.resources_required();
        let counts = required.map_or([1, 1], |required| [required.num_memories, required.num_tables]);
        let [memories, tables] = counts.map(|count| count.max(1));
        let all = POOL.min(MEMORY_COUNT / memories).min(TABLE_COUNT / tables);
        let idle = idle.min(all / 4);
        let room = INSTANCE_LIMIT.min(all - idle);
        Self {
            running: Arc::new(Semaphore::new(room as usize)),
            idle: Arc::new(Semaphore::new(idle as usize)),
            room,
        }
    }

    /// The number of instances that can run at the same time.
    pub(crate) fn room(&self) -> usize {
        self.room as usize
    }

    /// Waits for the permit of a running instance.
    pub(crate) async fn running(&self) -> Permit {
        let permit = Arc::clone(&self.running).acquire_owned().await;
        Permit(permit.expect("the semaphore is never closed"))
    }

    /// The permit of an idle instance, or `None` if too many instances are idle.
    pub(crate) fn idle(&self) -> Option<Permit> {
        Arc::clone(&self.idle).try_acquire_owned().ok().map(Permit)
    }
}

/// Creates an engine that takes the memory of each instance from a pool. The engine ticks every
/// [`TICK`](crate::TICK), so that a call can yield to other tasks and can be ended.
///
/// The pool has room for [`INSTANCE_LIMIT`] running instances and for idle ones.
/// [`Runtime`](crate::Runtime), [`Broker`](crate::Broker) and [`Workload`](crate::Workload) wait for room. An
/// embedder that starts instances in another way has to limit their number itself.
///
/// On a 64-bit machine, the pool reserves three tebibytes of addresses, which take no memory. Then the code
/// needs no checks of bounds. Where the process may not have so many addresses, the pool reserves about
/// eleven gibibytes.
///
/// # Errors
///
/// The machine can't reserve the addresses of the pool, or starts no thread.
pub fn engine() -> wasmtime::Result<Engine> {
    let engine = Engine::new(&without_bounds_checks(pooled()?))
        .or_else(|_| Engine::new(&with_bounds_checks(pooled()?)))?;
    ticks::start(&engine)?;
    Ok(engine)
}

/// The settings of an engine with a pool.
fn pooled() -> wasmtime::Result<Config> {
    let mut configuration = configuration()?;
    configuration.allocation_strategy(pool());
    Ok(configuration)
}

/// Creates an engine that only compiles. On Linux its machine code is for the processors of a fixed level,
/// and elsewhere for those with the features of this machine's.
pub(crate) fn baseline_engine() -> wasmtime::Result<Engine> {
    let mut configuration = without_bounds_checks(configuration()?);
    #[cfg(all(target_os = "linux", any(target_arch = "aarch64", target_arch = "x86_64")))]
    configuration.target(&format!("{}-unknown-linux-gnu", std::env::consts::ARCH))?;
    // SAFETY: the preset selects instructions and nothing else. wasmtime loads the machine code only on a
    // processor that has them.
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    #[expect(unsafe_code, reason = "wasmtime has no other way to select the level of the processor")]
    unsafe {
        configuration.cranelift_flag_enable(X86_64_LEVEL);
    }
    Engine::new(&configuration)
}

/// Reserves all addresses that a 32-bit memory can have, and a guard behind them.
fn without_bounds_checks(mut configuration: Config) -> Config {
    configuration.memory_reservation(4 << 30).memory_guard_size(32 << 20);
    configuration
}

/// Reserves the addresses below [`MEMORY_LIMIT`], for containers and machines with few addresses.
pub(crate) fn with_bounds_checks(mut configuration: Config) -> Config {
    configuration.memory_reservation(MEMORY_LIMIT as u64).memory_guard_size(64 << 10);
    configuration
}

/// The settings that the machine code depends on, except the reservation. An engine with other ones refuses
/// it.
pub(crate) fn configuration() -> wasmtime::Result<Config> {
    let mut configuration = Config::new();
    configuration
        // The host stack of an instance can hold parts of secrets at its end.
        .async_stack_zeroing(true)
        .epoch_interruption(true)
        // By default, wasmtime loads machine code of each version with the same first number, also code that
        // a mistake of an earlier compiler is in.
        .module_version(ModuleVersionStrategy::Custom(wasmtime_environ::VERSION.to_owned()))?;
    Ok(configuration)
}

fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(POOL)
        .total_stacks(POOL)
        .total_core_instances(CORE_INSTANCE_COUNT)
        .total_memories(MEMORY_COUNT)
        .total_tables(TABLE_COUNT)
        .max_memory_size(MEMORY_LIMIT);
    pool
}

/// Creates an engine for a component that `load` loads, and links its imports with `link`.
pub(crate) fn prepare<T>(
    load: impl FnOnce(&Engine) -> wasmtime::Result<Component>,
    link: impl FnOnce(&mut Linker<T>) -> wasmtime::Result<()>,
) -> wasmtime::Result<InstancePre<T>> {
    let engine = engine()?;
    let component = load(&engine)?;
    let mut linker = Linker::new(&engine);
    link(&mut linker)?;
    linker.instantiate_pre(&component)
}
