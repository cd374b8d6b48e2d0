//! The instance of the credentials component, and the calls into it.

use crate::bindings::provider::{Provider, ProviderPre};
use crate::engine::Permit;
use crate::state::State;
use crate::{Capabilities, Credentials, Error, renew, ticks};
use std::fmt;
use wasmtime::{Engine, Store};

/// A running instance of the component, in a store of its own.
///
/// An instance serves any number of calls, one at a time. [`CredentialsClient`](crate::CredentialsClient)
/// reuses its instances in this way.
pub struct Instance {
    store: Store<State>,
    exports: Provider,
    /// Dropped after the store.
    pub(crate) permit: Permit,
}

impl Instance {
    pub(crate) async fn new(
        pre: &ProviderPre<State>,
        capabilities: &Capabilities,
        permit: Permit,
    ) -> wasmtime::Result<Self> {
        let mut store = store(pre.engine(), capabilities);
        let exports = pre.instantiate_async(&mut store).await?;
        Ok(Self { store, exports, permit })
    }

    /// Whether the instance can serve another call.
    pub(crate) fn is_reusable(&self) -> bool {
        self.store.data().is_reusable()
    }

    /// Calls `get-credentials`.
    ///
    /// # Errors
    ///
    /// The outer error is a trap, after which the instance can't be used. The inner error is the component's.
    pub async fn get(&mut self, account_id: &str) -> Result<Result<Credentials, Error>, Trap> {
        renew(&mut self.store);
        let interface = self.exports.credwell_credentials_credentials();
        interface.call_get_credentials(&mut self.store, account_id).await.map_err(Trap)
    }

    /// Calls `refresh-credentials`. `rejected` is the access token that the app has rejected. `None` fetches
    /// the credentials whatever the cache contains.
    ///
    /// # Errors
    ///
    /// As for [`Instance::get`].
    pub async fn refresh(
        &mut self,
        account_id: &str,
        rejected: Option<&str>,
    ) -> Result<Result<Credentials, Error>, Trap> {
        renew(&mut self.store);
        let interface = self.exports.credwell_credentials_credentials();
        interface.call_refresh_credentials(&mut self.store, account_id, rejected).await.map_err(Trap)
    }

    /// Calls `forget-credentials`.
    ///
    /// # Errors
    ///
    /// As for [`Instance::get`].
    pub async fn forget(&mut self, account_id: &str) -> Result<Result<(), Error>, Trap> {
        renew(&mut self.store);
        let interface = self.exports.credwell_credentials_credentials();
        interface.call_forget_credentials(&mut self.store, account_id).await.map_err(Trap)
    }
}

/// Creates a store for one instance of any component, with the limits on memory and time that [`Instance`]
/// has. [`renew`](crate::renew) begins another call. The engine has to be one of [`crate::engine()`].
pub fn store(engine: &Engine, capabilities: &Capabilities) -> Store<State> {
    let mut store = Store::new(engine, State::new(capabilities));
    store.limiter(|state| &mut state.limits);
    ticks::limit(&mut store);
    store
}

/// The error of a component that stopped without a result, because it panicked, ran out of memory or computed
/// for too long.
/// The cause is a defect in the component or a limit that is too low, and never the upstream.
pub struct Trap(pub(crate) wasmtime::Error);

impl fmt::Display for Trap {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the component stopped without a result: {:#}", self.0)
    }
}

// A failed `expect` prints the `Debug` text. Its reader needs the backtrace in wasmtime's text.
impl fmt::Debug for Trap {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl std::error::Error for Trap {}
