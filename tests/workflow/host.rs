//! The fixture of the tests: the composed component, on a host with a scripted network.

use crate::small_components::small_component;
use anyhow::Context;
use composed::Composed;
pub(crate) use composed::exports::credwell::workflow::app::{AppResponse, WorkflowError};
use host_test::{
    Capabilities, Clock, Configuration, Entropy, Fault, Flavour, MemoryKeyValue, MockUpstream,
    RecordedRequest, Reply, START_UNIX_MS, TEST_API_KEY, TEST_ENCRYPTION_KEYS, Workload,
};
use serde_json::json;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions};

/// The bindings of the composed component's export.
mod composed {
    wasmtime::component::bindgen!({
        path: ["wit", "examples/workflow/wit"],
        inline: "
            package credwell:test;

            world composed {
                export credwell:workflow/app@0.1.0;
            }
        ",
        exports: { default: async },
        additional_derives: [PartialEq, Eq],
        require_store_data_send: true,
    });
}

pub(crate) const ACCOUNT: &str = "apn_EOhwvQr";
pub(crate) const APP: &str = "app.example";
pub(crate) const URL: &str = "https://app.example/v1/me?page=2";
pub(crate) const UPSTREAM: &str = "api.pipedream.com";

/// The prefix of each access token of these tests.
pub(crate) const TOKEN: &str = "s3cr3t-token-";

/// The composed component, compiled once for all tests, because each test needs both flavours.
pub(crate) fn component(flavour: Flavour) -> &'static Workload {
    static COMPONENTS: LazyLock<HashMap<Flavour, anyhow::Result<Workload>>> =
        LazyLock::new(|| Flavour::ALL.map(|flavour| (flavour, compose(flavour))).into());
    COMPONENTS[&flavour].as_ref().unwrap_or_else(|error| panic!("no component to test: {error:#}"))
}

/// Composes the workflow with the provider, as `wac plug` does.
fn compose(flavour: Flavour) -> anyhow::Result<Workload> {
    let mut graph = CompositionGraph::new();
    let provider = small_component(match flavour {
        Flavour::Wasmtime => "credwell.wasm",
        Flavour::Spin => "credwell-spin.wasm",
    });
    let workflow = small_component("workflow.wasm");
    let [provider, workflow] = [("provider", provider), ("workflow", workflow)].map(|(name, path)| {
        let bytes = std::fs::read(&path)
            .with_context(|| format!("can't read {}: run `cargo xtask build`", path.display()))?;
        let package = Package::from_bytes(name, None, bytes, graph.types_mut())?;
        anyhow::Ok(graph.register_package(package)?)
    });
    wac_graph::plug(&mut graph, vec![provider?], workflow?)?;
    let composed = graph.encode(EncodeOptions::default())?;
    Ok(Workload::from_bytes(flavour, &composed)?)
}

/// A host with a scripted network, which plays both the upstream of the credentials and the app.
pub(crate) struct Host {
    component: &'static Workload,
    capabilities: Capabilities,
    pub network: MockUpstream,
}

impl Host {
    /// A host on which `upstream` answers the requests for credentials, and `app` answers the requests of the
    /// workflow. The argument of `upstream` is the number of the request, from 1.
    pub(crate) fn new(
        flavour: Flavour,
        upstream: impl Fn(usize) -> Reply + Send + Sync + 'static,
        app: impl Fn(&RecordedRequest) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let network = MockUpstream::new();
        let count = AtomicUsize::new(0);
        network.respond_with(move |request| match request.uri.host() {
            Some(UPSTREAM) => upstream(count.fetch_add(1, Ordering::Relaxed) + 1),
            Some(APP) => app(request),
            _ => Reply::failure(Fault::NothingScripted),
        });
        let configuration = Configuration::from_iter([
            ("credwell_api_key", TEST_API_KEY),
            ("credwell_encryption_keys", TEST_ENCRYPTION_KEYS),
        ]);
        let key_value = MemoryKeyValue::new().of(flavour);
        let capabilities = Capabilities::new(Arc::new(network.clone()), key_value, Arc::new(configuration))
            .clock(Clock::new(START_UNIX_MS))
            .entropy(Entropy::seeded(0));
        Self { component: component(flavour), capabilities, network }
    }

    /// Calls `call-app` in a new instance, as most hosts do. Checks that an error holds no token.
    pub(crate) async fn call(&self, url: &str) -> Result<AppResponse, WorkflowError> {
        let mut running = self.component.instantiate(&self.capabilities).await.expect("an instance");
        let exports = Composed::new(&mut running.store, &running.instance).expect("the workflow's export");
        let workflow = exports.credwell_workflow_app();
        let result = workflow.call_call_app(&mut running.store, ACCOUNT, url).await.expect("no trap");
        if let Err(error) = &result {
            assert!(!format!("{error:?}").contains(TOKEN), "{error:?}");
        }
        result
    }

    /// The requests to a host, in order.
    pub(crate) fn requests(&self, host: &str) -> Vec<RecordedRequest> {
        let requests = self.network.requests();
        requests.into_iter().filter(|request| request.uri.host() == Some(host)).collect()
    }

    /// The `authorization` headers of the requests to the app, in order.
    pub(crate) fn authorizations(&self) -> Vec<String> {
        let header = |request: &RecordedRequest| request.header("authorization").map(str::to_owned);
        self.requests(APP).iter().filter_map(header).collect()
    }
}

/// The upstream's response with the access token of this number, which expires one day after the tests' time.
pub(crate) fn token(number: usize) -> Reply {
    Reply::status(200).json(&json!({
        "data": {
            "id": ACCOUNT,
            "credentials": { "oauth_access_token": format!("{TOKEN}{number}") },
            "expires_at": "2026-01-02T00:00:00.000Z",
        }
    }))
}
