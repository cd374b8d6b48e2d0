//! The client of the credentials component. It starts and reuses instances by itself.

use crate::engine::{IDLE_LIMIT, Permit};
use crate::idle::{Idle, Reusable, USES_PER_INSTANCE};
use crate::{Capabilities, Credentials, Error, Instance, Runtime, Trap};
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

/// The smallest limit on the idle instances of a client.
const SMALLEST_IDLE_LIMIT: usize = 16;

/// The largest number of idle instances of a client: four for each processor. All clients of a runtime
/// together keep at most [`IDLE_LIMIT`].
fn idle_limit() -> usize {
    let processors = available_parallelism().map_or(1, NonZero::get);
    (4 * processors).clamp(SMALLEST_IDLE_LIMIT, IDLE_LIMIT as usize)
}

/// A client of the credentials component. Clones are the same client, and any number of tasks may call it at
/// once.
///
/// An instance serves one call at a time and is reused for later calls. The component wipes the secrets of a
/// call from its memory before the call returns. An instance that has trapped, or whose call was cancelled,
/// is never used again.
#[derive(Clone)]
pub struct CredentialsClient(Arc<Shared>);

struct Shared {
    runtime: Runtime,
    capabilities: Capabilities,
    idle: Idle<Worker>,
    instances: AtomicUsize,
}

/// An instance, and the number of its calls.
struct Worker {
    instance: Instance,
    calls: u32,
}

impl Reusable for Worker {
    fn set_permit(&mut self, permit: Permit) {
        self.instance.permit = permit;
    }
}

/// The error of a call.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The component returned an error.
    #[error("{}: {}", .0.case().name(), .0.message())]
    Call(Error),
    /// The component stopped without a result.
    #[error(transparent)]
    Trap(#[from] Trap),
}

impl CredentialsClient {
    /// Creates a client that gives the component these capabilities. Clients of one runtime share the limit
    /// on instances and nothing else.
    pub fn new(runtime: Runtime, capabilities: Capabilities) -> Self {
        let idle = Idle::new(runtime.permits.clone(), idle_limit());
        Self(Arc::new(Shared { runtime, capabilities, idle, instances: AtomicUsize::new(0) }))
    }

    /// Calls `get-credentials`.
    ///
    /// # Errors
    ///
    /// [`CallError`]: the component returned an error, or stopped without a result.
    pub async fn get(&self, account_id: &str) -> Result<Credentials, CallError> {
        let mut worker = self.worker().await?;
        let result = worker.instance.get(account_id).await?;
        self.keep(worker);
        result.map_err(CallError::Call)
    }

    /// Calls `refresh-credentials`. `rejected` is the access token that the app has rejected. `None` fetches
    /// the credentials whatever the cache contains, unless the upstream has answered a moment ago.
    ///
    /// # Errors
    ///
    /// As for [`CredentialsClient::get`].
    pub async fn refresh(&self, account_id: &str, rejected: Option<&str>) -> Result<Credentials, CallError> {
        let mut worker = self.worker().await?;
        let result = worker.instance.refresh(account_id, rejected).await?;
        self.keep(worker);
        result.map_err(CallError::Call)
    }

    /// Calls `forget-credentials`.
    ///
    /// # Errors
    ///
    /// As for [`CredentialsClient::get`].
    pub async fn forget(&self, account_id: &str) -> Result<(), CallError> {
        let mut worker = self.worker().await?;
        let result = worker.instance.forget(account_id).await?;
        self.keep(worker);
        result.map_err(CallError::Call)
    }

    /// The number of instances that the client has started.
    pub fn instances(&self) -> usize {
        self.0.instances.load(Ordering::Relaxed)
    }

    /// Takes an idle instance or starts one. The call owns the instance, so a trap or a cancelled call ends
    /// it.
    async fn worker(&self) -> Result<Worker, Trap> {
        let shared = &*self.0;
        let permit = shared.runtime.permits.running().await;
        let permit = match shared.idle.take(permit, |_| true) {
            Ok(Worker { instance, calls }) => return Ok(Worker { instance, calls: calls + 1 }),
            Err(permit) => permit,
        };
        shared.instances.fetch_add(1, Ordering::Relaxed);
        let instance = shared.runtime.start(&shared.capabilities, permit).await?;
        Ok(Worker { instance, calls: 1 })
    }

    /// Keeps an instance after a call, unless the instance has served its last call, or the call has left
    /// something behind.
    fn keep(&self, worker: Worker) {
        if worker.calls < USES_PER_INSTANCE && worker.instance.is_reusable() {
            self.0.idle.keep(worker);
        }
    }
}
