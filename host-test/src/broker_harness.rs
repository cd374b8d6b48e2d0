//! The broker harness: the broker on a host whose capabilities a test controls.

use crate::harness::HarnessBuilder;
use crate::{
    Clock, Configuration, Harness, MemoryKeyValue, MockUpstream, ReusedBroker, TEST_ENCRYPTION_KEYS,
};
use bytes::Bytes;
use credwell_host::{Broker, BrokerError, Capabilities, Flavour, Listener, LoadError, engine};
use http::{Request, Response};
use std::fmt::Display;
use std::sync::LazyLock;
use wasmtime::Engine;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

/// The capacity of a broker's standard error, in bytes. It is larger than the log of any test.
const LOG_CAPACITY: usize = 1 << 20;

/// The broker on a host whose capabilities a test controls.
///
/// An instance answers many requests, one at a time. A test may use the fields at any time, also during a
/// request.
pub struct BrokerHarness {
    /// The mock upstream.
    pub upstream: MockUpstream,
    /// The store that contains the cache and the counters.
    pub key_value: MemoryKeyValue,
    /// The broker's clocks.
    pub clock: Clock,
    /// The broker's configuration.
    pub configuration: Configuration,
    /// The broker's standard error, which contains its log.
    pub stderr: MemoryOutputPipe,
    broker: Broker,
    capabilities: Capabilities,
}

impl BrokerHarness {
    /// A builder of a harness. By default, the configuration has the mode `pass-through`, no API key and
    /// [`TEST_ENCRYPTION_KEYS`]. The other capabilities are as for [`Harness::builder`].
    pub fn builder(flavour: Flavour) -> BrokerHarnessBuilder {
        let configuration = Configuration::from_iter([
            ("credwell_broker_mode", "pass-through"),
            ("credwell_encryption_keys", TEST_ENCRYPTION_KEYS),
        ]);
        BrokerHarnessBuilder { inner: Harness::builder(flavour).configuration(configuration), broker: None }
    }

    /// The capabilities, for an instance that a test starts by itself.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Answers a request without a listener.
    ///
    /// # Errors
    ///
    /// As for [`Broker::handle`].
    pub async fn handle<Body>(
        &self,
        request: Request<Body>,
    ) -> Result<Response<HyperOutgoingBody>, BrokerError>
    where
        Body: http_body::Body<Data = Bytes> + Send + 'static,
        Body::Error: Display,
    {
        self.broker.handle(&self.capabilities, request).await
    }

    /// Another host whose clock is `ahead` seconds ahead, with the same broker, store, upstream and
    /// configuration.
    #[must_use]
    pub fn another_host(&self, flavour: Flavour, ahead: i64) -> Self {
        let now = self.clock.now_ms().saturating_add_signed(ahead * 1000);
        let inner = Harness::builder(flavour)
            .configuration(self.configuration.clone())
            .upstream(self.upstream.clone())
            .key_value(self.key_value.clone())
            .clock(Clock::new(now));
        BrokerHarnessBuilder { inner, broker: Some(self.broker.clone()) }.build()
    }

    /// One instance with the capabilities of this harness, which answers many requests.
    ///
    /// # Panics
    ///
    /// The broker isn't built or doesn't run on this host. The panic's text says which.
    pub async fn reused(&self, flavour: Flavour) -> ReusedBroker {
        self.reused_in(&engine().expect("the machine has room for a pool"), flavour).await
    }

    /// One instance with the capabilities of this harness, in an engine of the test's.
    ///
    /// # Panics
    ///
    /// As for [`BrokerHarness::reused`].
    pub async fn reused_in(&self, engine: &Engine, flavour: Flavour) -> ReusedBroker {
        ReusedBroker::start(engine, flavour, &self.capabilities).await
    }

    /// A listener for the broker, on a free port of the loopback.
    ///
    /// # Panics
    ///
    /// No port is free.
    pub async fn listener(&self) -> Listener {
        let listener = Listener::bind("127.0.0.1:0", self.broker.clone(), self.capabilities.clone()).await;
        listener.expect("a port is free")
    }
}

/// A builder of a [`BrokerHarness`].
pub struct BrokerHarnessBuilder {
    inner: HarnessBuilder,
    broker: Option<Broker>,
}

impl BrokerHarnessBuilder {
    /// Sets `name` to `value` in the configuration.
    #[must_use]
    pub fn config(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { inner: self.inner.config(name, value), ..self }
    }

    /// Sends the broker's requests to this mock upstream.
    #[must_use]
    pub fn upstream(self, upstream: MockUpstream) -> Self {
        Self { inner: self.inner.upstream(upstream), ..self }
    }

    /// Gives the broker this store.
    #[must_use]
    pub fn key_value(self, key_value: MemoryKeyValue) -> Self {
        Self { inner: self.inner.key_value(key_value), ..self }
    }

    /// Gives the broker this clock.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        Self { inner: self.inner.clock(clock), ..self }
    }

    /// Runs this broker instead of the built one, which all tests of a process share. A broker of its own has
    /// room for instances of its own.
    #[must_use]
    pub fn broker(self, broker: Broker) -> Self {
        Self { broker: Some(broker), ..self }
    }

    /// Builds the harness.
    ///
    /// # Panics
    ///
    /// The broker isn't built or doesn't run on this host. The panic's text says which.
    pub fn build(self) -> BrokerHarness {
        let broker = self.broker.unwrap_or_else(|| broker(self.inner.flavour).clone());
        let stderr = MemoryOutputPipe::new(LOG_CAPACITY);
        let wiring = self.inner.wire();
        BrokerHarness {
            upstream: wiring.upstream,
            key_value: wiring.key_value,
            clock: wiring.clock,
            configuration: wiring.configuration,
            capabilities: wiring.capabilities.stderr(stderr.clone()),
            stderr,
            broker,
        }
    }
}

/// The built broker, compiled once for all tests of a process.
fn broker(flavour: Flavour) -> &'static Broker {
    static WASMTIME: LazyLock<Result<Broker, LoadError>> = LazyLock::new(|| Broker::new(Flavour::Wasmtime));
    static SPIN: LazyLock<Result<Broker, LoadError>> = LazyLock::new(|| Broker::new(Flavour::Spin));
    let broker = match flavour {
        Flavour::Wasmtime => &WASMTIME,
        Flavour::Spin => &SPIN,
    };
    broker.as_ref().unwrap_or_else(|error| panic!("no broker to test: {error}"))
}
