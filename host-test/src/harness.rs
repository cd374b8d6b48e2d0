//! The harness: the component on a host whose capabilities a test controls.

use crate::{Clock, Configuration, Entropy, MemoryKeyValue, MockUpstream};
use credwell_host::{
    Capabilities, Credentials, Error, Flavour, Instance, LoadError, Network, OutgoingHttp, Runtime, Trap,
};
use std::sync::{Arc, LazyLock};

/// The API key in a harness's configuration. No upstream has issued it.
pub const TEST_API_KEY: &str = "pd_test_api_key_3f9a27c1d08e4b65";

/// The encryption keys in a harness's configuration: one key, with the name `k1`.
pub const TEST_ENCRYPTION_KEYS: &str = "k1:6b1f0c9de2a84735b0f1c2d3e4958677a8b9cadbecfd0e1f2031425364758697";

/// The start of a harness's clock, in milliseconds since 1970: 2026-01-01T00:00:03Z. It is not a multiple of
/// ten seconds, so that no time slice of the component begins with a test.
pub const START_UNIX_MS: u64 = 1_767_225_603_000;

/// The component on a host whose capabilities a test controls.
///
/// Each call runs in a new instance, as on most real hosts, so only the key-value store keeps data between
/// calls. A test may use the fields at any time, also during a call. Clones share everything.
#[derive(Clone)]
pub struct Harness {
    /// The mock upstream. It receives no requests after [`HarnessBuilder::network`].
    pub upstream: MockUpstream,
    /// The store that contains the cache.
    pub key_value: MemoryKeyValue,
    /// The component's clocks.
    pub clock: Clock,
    /// The component's configuration.
    pub configuration: Configuration,
    capabilities: Capabilities,
    runtime: Runtime,
}

impl Harness {
    /// A builder of a harness. By default, the configuration has [`TEST_API_KEY`] and
    /// [`TEST_ENCRYPTION_KEYS`], the upstream has no script, the store is empty, the clock starts at
    /// [`START_UNIX_MS`] and the entropy has the seed 0.
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

    /// Starts an instance, for several calls.
    ///
    /// # Panics
    ///
    /// The instance doesn't start.
    pub async fn instance(&self) -> Instance {
        let instance = self.runtime.instantiate(&self.capabilities).await;
        instance.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Calls `get-credentials` in a new instance.
    ///
    /// # Errors
    ///
    /// The component's error.
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
    /// The component's error.
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
    /// The component's error.
    ///
    /// # Panics
    ///
    /// The component traps or doesn't start.
    pub async fn forget(&self, account_id: &str) -> Result<(), Error> {
        self.try_forget(account_id).await.unwrap_or_else(|trap| panic!("{trap}"))
    }

    /// Calls `get-credentials` in a new instance and returns a trap instead of panicking.
    ///
    /// # Errors
    ///
    /// The outer error is a trap. The inner error is the component's.
    ///
    /// # Panics
    ///
    /// The component doesn't start.
    pub async fn try_get(&self, account_id: &str) -> Result<Result<Credentials, Error>, Trap> {
        self.instance().await.get(account_id).await
    }

    /// Calls `refresh-credentials` in a new instance and returns a trap instead of panicking.
    ///
    /// # Errors
    ///
    /// The outer error is a trap. The inner error is the component's.
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

    /// Calls `forget-credentials` in a new instance and returns a trap instead of panicking.
    ///
    /// # Errors
    ///
    /// The outer error is a trap. The inner error is the component's.
    ///
    /// # Panics
    ///
    /// The component doesn't start.
    pub async fn try_forget(&self, account_id: &str) -> Result<Result<(), Error>, Trap> {
        self.instance().await.forget(account_id).await
    }
}

/// A builder of a [`Harness`].
pub struct HarnessBuilder {
    pub(crate) flavour: Flavour,
    network: Option<Network>,
    upstream: MockUpstream,
    key_value: MemoryKeyValue,
    clock: Option<Clock>,
    entropy: Entropy,
    configuration: Configuration,
}

impl HarnessBuilder {
    /// Sets `name` to `value` in the configuration.
    #[must_use]
    pub fn config(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.configuration.set(name, value);
        self
    }

    /// Removes `name` from the configuration.
    #[must_use]
    pub fn without_config(self, name: &str) -> Self {
        self.configuration.remove(name);
        self
    }

    /// Sends the component's requests to this mock upstream.
    #[must_use]
    pub fn upstream(mut self, upstream: MockUpstream) -> Self {
        self.upstream = upstream;
        self
    }

    /// Sends the component's requests over this network instead of to a mock upstream.
    #[must_use]
    pub fn network(mut self, network: Network) -> Self {
        self.network = Some(network);
        self
    }

    /// Gives the component this store. Several harnesses may share a store.
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

    /// Builds the harness.
    ///
    /// # Panics
    ///
    /// The component isn't built or doesn't run on this host. The panic's text says which.
    pub fn build(self) -> Harness {
        let runtime = runtime(self.flavour).clone();
        let Wiring { upstream, key_value, clock, configuration, capabilities } = self.wire();
        Harness { upstream, key_value, clock, configuration, capabilities, runtime }
    }

    /// Replaces the configuration.
    pub(crate) fn configuration(self, configuration: Configuration) -> Self {
        Self { configuration, ..self }
    }

    /// Creates the capabilities.
    pub(crate) fn wire(self) -> Wiring {
        let clock = self.clock.unwrap_or_else(|| Clock::new(START_UNIX_MS));
        let outgoing: Arc<dyn OutgoingHttp> = match self.network {
            Some(network) => Arc::new(network),
            None => Arc::new(self.upstream.clone()),
        };
        let key_value = self.key_value.of(self.flavour);
        let capabilities = Capabilities::new(outgoing, key_value, Arc::new(self.configuration.clone()))
            .clock(clock.clone())
            .entropy(self.entropy);
        Wiring {
            upstream: self.upstream,
            key_value: self.key_value,
            clock,
            configuration: self.configuration,
            capabilities,
        }
    }
}

/// The capabilities of a harness, and the parts that a test controls.
pub(crate) struct Wiring {
    pub upstream: MockUpstream,
    pub key_value: MemoryKeyValue,
    pub clock: Clock,
    pub configuration: Configuration,
    pub capabilities: Capabilities,
}

/// The compiled component, shared by all tests of a process.
fn runtime(flavour: Flavour) -> &'static Runtime {
    static WASMTIME: LazyLock<Result<Runtime, LoadError>> = LazyLock::new(|| Runtime::new(Flavour::Wasmtime));
    static SPIN: LazyLock<Result<Runtime, LoadError>> = LazyLock::new(|| Runtime::new(Flavour::Spin));
    let runtime = match flavour {
        Flavour::Wasmtime => &WASMTIME,
        Flavour::Spin => &SPIN,
    };
    runtime.as_ref().unwrap_or_else(|error| panic!("no component to test: {error}"))
}
