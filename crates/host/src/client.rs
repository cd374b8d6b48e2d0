//! Calls of the component for whoever doesn't want to know of its instances.

use crate::{Capabilities, Credentials, Error, Instance, Runtime, Trap, lock};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// How many calls an instance serves. What it doesn't give back, memory above all, ends with it.
const CALLS_PER_INSTANCE: u32 = 100;

/// How many instances a client keeps for later calls. A runtime keeps 64, for all of its clients together.
const IDLE_LIMIT: usize = 16;

/// Asks the component for credentials. Clones are the same client, and any number of tasks may call it at once.
///
/// A call runs in an instance that serves nobody else meanwhile, and that an earlier call may have used: the component
/// wipes its secrets before it answers. One that trapped, or whose call was given up, is never used again.
#[derive(Clone)]
pub struct CredentialsClient(Arc<Shared>);

struct Shared {
    runtime: Runtime,
    capabilities: Capabilities,
    /// The last one used is on top, so those that are too many stay unused at the bottom.
    idle: Mutex<Vec<Worker>>,
    instances: AtomicUsize,
}

/// An instance, and how many calls it has begun.
struct Worker {
    instance: Instance,
    calls: u32,
}

/// Why a call gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The component's answer.
    #[error("{}: {}", .0.case(), .0.message())]
    Call(Error),
    /// There is none.
    #[error(transparent)]
    Trap(#[from] Trap),
}

impl CredentialsClient {
    /// A client that gives the component these capabilities. Clients of the same runtime share the room for instances
    /// and nothing else.
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
    /// The component's answer, or its trap.
    pub async fn get(&self, account_id: &str) -> Result<Credentials, CallError> {
        let mut worker = self.worker().await?;
        let answer = worker.instance.get(account_id).await?;
        self.keep(worker);
        answer.map_err(CallError::Call)
    }

    /// Calls `refresh-credentials`. `rejected` is the access token that the caller's request was refused
    /// with; none asks for a fetch whatever the cache holds.
    ///
    /// # Errors
    ///
    /// As for [`CredentialsClient::get`].
    pub async fn refresh(&self, account_id: &str, rejected: Option<&str>) -> Result<Credentials, CallError> {
        let mut worker = self.worker().await?;
        let answer = worker.instance.refresh(account_id, rejected).await?;
        self.keep(worker);
        answer.map_err(CallError::Call)
    }

    /// Calls `forget-credentials`.
    ///
    /// # Errors
    ///
    /// As for [`CredentialsClient::get`].
    pub async fn forget(&self, account_id: &str) -> Result<(), CallError> {
        let mut worker = self.worker().await?;
        let answer = worker.instance.forget(account_id).await?;
        self.keep(worker);
        answer.map_err(CallError::Call)
    }

    /// How many instances were started so far.
    pub fn instances(&self) -> usize {
        self.0.instances.load(Ordering::Relaxed)
    }

    /// An instance for one call. It belongs to the call, so that it ends with one that traps or is given up.
    async fn worker(&self) -> Result<Worker, Trap> {
        let shared = &*self.0;
        let permit = shared.runtime.permits.to_run().await;
        let idle = lock(&shared.idle).pop();
        if let Some(Worker { mut instance, calls }) = idle {
            instance.permit = permit;
            return Ok(Worker { instance, calls: calls + 1 });
        }
        shared.instances.fetch_add(1, Ordering::Relaxed);
        let instance = shared.runtime.start(&shared.capabilities, permit).await?;
        Ok(Worker { instance, calls: 1 })
    }

    /// Keeps an instance whose call has ended, if it is of further use.
    fn keep(&self, mut worker: Worker) {
        let shared = &*self.0;
        if worker.calls == CALLS_PER_INSTANCE {
            return;
        }
        let Some(permit) = shared.runtime.permits.to_wait() else { return };
        worker.instance.permit = permit;
        let mut idle = lock(&shared.idle);
        if idle.len() < IDLE_LIMIT {
            idle.push(worker);
        }
    }
}
