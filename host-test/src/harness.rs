//! Everything that a test of the component needs, wired together.

use crate::{Clock, Configuration, Entropy, MemoryKeyValue, MockUpstream};
use credwell_host::{
    Capabilities, Credentials, Error, Flavour, Instance, LoadError, Network, OutgoingHttp, Runtime, Trap,
};
use std::sync::{Arc, LazyLock};

/// The API key that a harness configures. No upstream has issued it.
pub const TEST_API_KEY: &str = "pd_test_api_key_3f9a27c1d08e4b65";

/// The encryption keys that a harness configures: one key, named `k1`.
pub const TEST_ENCRYPTION_KEYS: &str = "k1:6b1f0c9de2a84735b0f1c2d3e4958677a8b9cadbecfd0e1f2031425364758697";

/// The time at which a harness's clock starts, in milliseconds since 1970: 2026-01-01T00:00:00Z.
pub const START_UNIX_MS: u64 = 1_767_225_600_000;

/// The component on a host that the test controls.
///
/// Each call runs in a new instance, as on most real hosts, so what one call leaves to the next is in the
/// key-value store. The handles may be used at any time, also while a call is under way. Clones share
/// everything.
#[derive(Clone)]
pub struct Harness {
    /// The upstream's script and record. Without effect after [`HarnessBuilder::network`].
    pub upstream: MockUpstream,
    /// The store that holds the cache.
    pub key_value: MemoryKeyValue,
    /// The component's clocks.
    pub clock: Clock,
    /// The component's configuration.
    pub configuration: Configuration,
    capabilities: Capabilities,
    runtime: Runtime,
}

impl Harness {
    /// A harness with [`TEST_API_KEY`] and [`TEST_ENCRYPTION_KEYS`] configured, an upstream without a
    /// script, an empty store, a clock that starts at [`START_UNIX_MS`] and entropy from the seed 0.
    pub fn builder(flavour: Flavour) -> HarnessBuilder {
        HarnessBuilder {
            flavour,
            network: None,
            upstream: MockUpstream::new(),
            key_value: MemoryKeyValue::new(),
            clock: None,
            entropy: Entropy::seeded(0),
            configuration: Configuration::from_iter([
                ("credwell_api_key", TEST_API_KEY),
                ("credwell_encryption_keys", TEST_ENCRYPTION_KEYS),
            ]),
        }
    }

    /// Starts an instance that can be called more than once.
    ///
    /// # Panics
    ///
    /// It doesn't start.
    pub async fn instance(&self) -> Instance {
        let instance = self.runtime.instantiate(&self.capabilities).await;
        instance.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Calls `get-credentials` in a new instance.
    ///
    /// # Errors
    ///
    /// The component's answer.
    ///
    /// # Panics
    ///
    /// The component traps or doesn't start.
    pub async fn get(&self, account_id: &str) -> Result<Credentials, Error> {
        self.try_get(account_id).await.unwrap_or_else(|trap| panic!("{trap}"))
    }

    /// Calls `refresh-credentials` in a new instance.
    ///
    /// # Errors
    ///
    /// The component's answer.
    ///
    /// # Panics
    ///
    /// The component traps or doesn't start.
    pub async fn refresh(&self, account_id: &str, rejected: Option<&str>) -> Result<Credentials, Error> {
        self.try_refresh(account_id, rejected).await.unwrap_or_else(|trap| panic!("{trap}"))
    }

    /// Calls `forget-credentials` in a new instance.
    ///
    /// # Errors
    ///
    /// The component's answer.
    ///
    /// # Panics
    ///
    /// The component traps or doesn't start.
    pub async fn forget(&self, account_id: &str) -> Result<(), Error> {
        self.try_forget(account_id).await.unwrap_or_else(|trap| panic!("{trap}"))
    }

    /// As [`Harness::get`], with a trap as the outer error.
    ///
    /// # Errors
    ///
    /// The outer error is a trap, the inner one the component's answer.
    ///
    /// # Panics
    ///
    /// The component doesn't start.
    pub async fn try_get(&self, account_id: &str) -> Result<Result<Credentials, Error>, Trap> {
        self.instance().await.get(account_id).await
    }

    /// As [`Harness::refresh`], with a trap as the outer error.
    ///
    /// # Errors
    ///
    /// The outer error is a trap, the inner one the component's answer.
    ///
    /// # Panics
    ///
    /// The component doesn't start.
    pub async fn try_refresh(
        &self,
        account_id: &str,
        rejected: Option<&str>,
    ) -> Result<Result<Credentials, Error>, Trap> {
        self.instance().await.refresh(account_id, rejected).await
    }

    /// As [`Harness::forget`], with a trap as the outer error.
    ///
    /// # Errors
    ///
    /// The outer error is a trap, the inner one the component's answer.
    ///
    /// # Panics
    ///
    /// The component doesn't start.
    pub async fn try_forget(&self, account_id: &str) -> Result<Result<(), Error>, Trap> {
        self.instance().await.forget(account_id).await
    }
}

/// Says what differs from the harness of [`Harness::builder`].
pub struct HarnessBuilder {
    flavour: Flavour,
    network: Option<Network>,
    upstream: MockUpstream,
    key_value: MemoryKeyValue,
    clock: Option<Clock>,
    entropy: Entropy,
    configuration: Configuration,
}

impl HarnessBuilder {
    /// Configures `name` with `value`.
    #[must_use]
    pub fn config(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.configuration.set(name, value);
        self
    }

    /// Leaves `name` out of the configuration.
    #[must_use]
    pub fn without_config(self, name: &str) -> Self {
        self.configuration.remove(name);
        self
    }

    /// Sends the component's requests to this script.
    #[must_use]
    pub fn upstream(mut self, upstream: MockUpstream) -> Self {
        self.upstream = upstream;
        self
    }

    /// Sends the component's requests to the network in place of a script.
    #[must_use]
    pub fn network(mut self, network: Network) -> Self {
        self.network = Some(network);
        self
    }

    /// Gives the component this store, perhaps one that another harness uses too.
    #[must_use]
    pub fn key_value(mut self, key_value: MemoryKeyValue) -> Self {
        self.key_value = key_value;
        self
    }

    /// Gives the component this clock.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Gives the component this entropy.
    #[must_use]
    pub fn entropy(mut self, entropy: Entropy) -> Self {
        self.entropy = entropy;
        self
    }

    /// The harness.
    ///
    /// # Panics
    ///
    /// The component isn't built or doesn't fit this host; the text says which.
    pub fn build(self) -> Harness {
        let runtime = runtime(self.flavour).clone();
        let clock = self.clock.unwrap_or_else(|| Clock::new(START_UNIX_MS));
        let outgoing: Arc<dyn OutgoingHttp> = match self.network {
            Some(network) => Arc::new(network),
            None => Arc::new(self.upstream.clone()),
        };
        let key_value = self.key_value.of(self.flavour);
        let capabilities = Capabilities::new(outgoing, key_value, Arc::new(self.configuration.clone()))
            .clock(clock.clone())
            .entropy(self.entropy);
        Harness {
            upstream: self.upstream,
            key_value: self.key_value,
            clock,
            configuration: self.configuration,
            capabilities,
            runtime,
        }
    }
}

/// The component, compiled once for all tests of a process.
fn runtime(flavour: Flavour) -> &'static Runtime {
    static WASMTIME: LazyLock<Result<Runtime, LoadError>> = LazyLock::new(|| Runtime::new(Flavour::Wasmtime));
    static SPIN: LazyLock<Result<Runtime, LoadError>> = LazyLock::new(|| Runtime::new(Flavour::Spin));
    let runtime = match flavour {
        Flavour::Wasmtime => &WASMTIME,
        Flavour::Spin => &SPIN,
    };
    runtime.as_ref().unwrap_or_else(|error| panic!("no component to test: {error}"))
}
