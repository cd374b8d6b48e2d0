//! The client of the credentials component, which starts and reuses instances by itself.

use crate::{Capabilities, Credentials, Error, Instance, Runtime, Trap, lock};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// The number of calls that an instance serves. Its end frees the memory that it has grown to.
const CALLS_PER_INSTANCE: u32 = 100;

/// The number of idle instances that a client keeps. A runtime keeps 64 for all of its clients together.
const IDLE_LIMIT: usize = 16;

/// Asks the component for credentials. Clones are the same client, and any number of tasks may call it at once.
///
/// An instance serves one call at a time. An earlier call may have used the instance: the component wipes its secrets
/// before it answers. An instance that trapped, or whose call was cancelled, is never used again.
#[derive(Clone)]
pub struct CredentialsClient(Arc<Shared>);

struct Shared {
    runtime: Runtime,
    capabilities: Capabilities,
    /// The last used instance is on top, so that instances beyond the need stay unused at the bottom.
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
    /// The component answered with an error.
    #[error("{}: {}", .0.case().name(), .0.message())]
    Call(Error),
    /// The component did not answer.
    #[error(transparent)]
    Trap(#[from] Trap),
}

impl CredentialsClient {
    /// A client that gives the component these capabilities. Clients of one runtime share the limit on instances and
    /// nothing else.
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

    /// The number of instances that the client has started.
    pub fn instances(&self) -> usize {
        self.0.instances.load(Ordering::Relaxed)
    }

    /// An instance for one call. The call owns it, so that a trap or a cancelled call ends the instance too.
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

    /// Keeps an instance after its call, unless it has served its last one or enough others are idle.
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
