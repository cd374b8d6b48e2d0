//! The client of the credentials component. It starts and reuses instances by itself.

use crate::{Capabilities, Credentials, Error, Instance, Runtime, Trap, lock};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// The number of calls that an instance serves. Then it ends, which frees the memory that it has allocated.
const CALLS_PER_INSTANCE: u32 = 100;

/// The largest number of idle instances of a client. All clients of a runtime together keep at most 64.
const IDLE_LIMIT: usize = 16;

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
    /// A stack: a call takes the instance that was used last, so surplus instances stay idle at the bottom.
    idle: Mutex<Vec<Worker>>,
    instances: AtomicUsize,
}

/// An instance, and the number of its calls.
struct Worker {
    instance: Instance,
    calls: u32,
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
        Self(Arc::new(Shared {
            runtime,
            capabilities,
            idle: Mutex::default(),
            instances: AtomicUsize::new(0),
        }))
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
        let idle = lock(&shared.idle).pop();
        if let Some(Worker { mut instance, calls }) = idle {
            instance.permit = permit;
            return Ok(Worker { instance, calls: calls + 1 });
        }
        shared.instances.fetch_add(1, Ordering::Relaxed);
        let instance = shared.runtime.start(&shared.capabilities, permit).await?;
        Ok(Worker { instance, calls: 1 })
    }

    /// Keeps an instance after a call, unless the instance has served its last call or enough others are
    /// idle.
    fn keep(&self, mut worker: Worker) {
        let shared = &*self.0;
        if worker.calls == CALLS_PER_INSTANCE {
            return;
        }
        let Some(permit) = shared.runtime.permits.idle() else { return };
        worker.instance.permit = permit;
        let mut idle = lock(&shared.idle);
        if idle.len() < IDLE_LIMIT {
            idle.push(worker);
        }
    }
}
