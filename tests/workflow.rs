//! Tests of the workflow in `examples/workflow`, composed with each flavour of the built component, on the
//! test host.

use anyhow::Context;
use composed::Composed;
use composed::exports::credwell::workflow::app::{AppResponse, WorkflowError};
use host_test::{
    Capabilities, Clock, Configuration, Entropy, Error, Fault, Flavour, Harness, MemoryKeyValue,
    MockUpstream, RecordedRequest, Reply, START_UNIX_MS, TEST_API_KEY, TEST_ENCRYPTION_KEYS, Workload,
};
use serde_json::json;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
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

const ACCOUNT: &str = "apn_EOhwvQr";
const APP: &str = "app.example";
const URL: &str = "https://app.example/v1/me?page=2";
const UPSTREAM: &str = "api.pipedream.com";

/// The prefix of each access token of these tests.
const TOKEN: &str = "s3cr3t-token-";

/// The composed component, compiled once for all tests, because each test needs both flavours.
fn component(flavour: Flavour) -> &'static Workload {
    static COMPONENTS: LazyLock<HashMap<Flavour, anyhow::Result<Workload>>> =
        LazyLock::new(|| Flavour::ALL.map(|flavour| (flavour, compose(flavour))).into());
    COMPONENTS[&flavour].as_ref().unwrap_or_else(|error| panic!("no component to test: {error:#}"))
}

/// Composes the workflow with the provider, as `wac plug` does.
fn compose(flavour: Flavour) -> anyhow::Result<Workload> {
    let mut graph = CompositionGraph::new();
    let provider = flavour.path();
    let workflow = provider.with_file_name("workflow.wasm");
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
struct Host {
    component: &'static Workload,
    capabilities: Capabilities,
    network: MockUpstream,
}

impl Host {
    /// A host on which `upstream` answers the requests for credentials, and `app` answers the requests of the
    /// workflow. The argument of `upstream` is the number of the request, from 1.
    fn new(
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
    async fn call(&self, url: &str) -> Result<AppResponse, WorkflowError> {
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
    fn requests(&self, host: &str) -> Vec<RecordedRequest> {
        let requests = self.network.requests();
        requests.into_iter().filter(|request| request.uri.host() == Some(host)).collect()
    }

    /// The `authorization` headers of the requests to the app, in order.
    fn authorizations(&self) -> Vec<String> {
        let header = |request: &RecordedRequest| request.header("authorization").map(str::to_owned);
        self.requests(APP).iter().filter_map(header).collect()
    }
}

/// The upstream's response with the access token of this number, which expires one day after the tests' time.
fn token(number: usize) -> Reply {
    Reply::status(200).json(&json!({
        "data": {
            "id": ACCOUNT,
            "credentials": { "oauth_access_token": format!("{TOKEN}{number}") },
            "expires_at": "2026-01-02T00:00:00.000Z",
        }
    }))
}

/// The body of the app's response.
const BODY: &str = r#"{"name":"Ada"}"#;

/// The expected result of a call to which the app answers 200 with [`BODY`].
fn success() -> Result<AppResponse, WorkflowError> {
    Ok(AppResponse { status: 200, body: BODY.into() })
}

fn bearer(number: usize) -> String {
    format!("Bearer {TOKEN}{number}")
}

#[tokio::test]
async fn the_app_is_sent_the_access_token_and_nothing_else_of_the_credentials() {
    for flavour in Flavour::ALL {
        let host = Host::new(flavour, token, |_| Reply::status(200).body(BODY));
        assert_eq!(host.call(URL).await, success());

        let [request] = &host.requests(APP)[..] else { panic!("{:?}", host.network.requests()) };
        assert_eq!((request.method.as_str(), request.uri.to_string().as_str()), ("GET", URL));
        assert_eq!(host.authorizations(), [bearer(1)]);
        assert!(!format!("{request:?}").contains(TEST_API_KEY), "{request:?}");
    }
}

#[tokio::test]
async fn an_answer_of_the_app_is_passed_on_whatever_its_status() {
    for flavour in Flavour::ALL {
        for status in [204, 302, 403, 500] {
            let host = Host::new(flavour, token, move |_| Reply::status(status));
            assert_eq!(host.call(URL).await, Ok(AppResponse { status, body: Vec::new() }));
            assert_eq!(host.authorizations(), [bearer(1)]);
        }
    }
}

#[tokio::test]
async fn two_calls_make_one_request_for_credentials() {
    for flavour in Flavour::ALL {
        let host = Host::new(flavour, token, |_| Reply::status(200).body(BODY));
        assert_eq!(host.call(URL).await, success());
        assert_eq!(host.call(URL).await, success());
        assert_eq!(host.requests(UPSTREAM).len(), 1);
        assert_eq!(host.authorizations(), [bearer(1), bearer(1)]);
    }
}

/// A composed component uses more of the engine's pool than the credentials component alone.
#[tokio::test(start_paused = true)]
async fn more_calls_than_instances_are_all_answered() {
    for flavour in Flavour::ALL {
        let slow = |_: &RecordedRequest| Reply::status(200).body(BODY).head_after(Duration::from_millis(500));
        let host = Host::new(flavour, token, slow);
        let calls = (0..credwell_host::INSTANCE_LIMIT as usize + 50).map(|_| host.call(URL));
        for call in futures_util::future::join_all(calls).await {
            assert_eq!(call, success());
        }
    }
}

#[tokio::test]
async fn a_refused_token_is_refreshed_and_the_next_call_uses_the_new_one() {
    for flavour in Flavour::ALL {
        let host = Host::new(flavour, token, |request| {
            let refused = request.header("authorization") == Some(&bearer(1));
            if refused { Reply::status(401) } else { Reply::status(200).body(BODY) }
        });
        assert_eq!(host.call(URL).await, success());
        assert_eq!(host.requests(UPSTREAM).len(), 2);
        assert_eq!(host.authorizations(), [bearer(1), bearer(2)]);

        assert_eq!(host.call(URL).await, success());
        assert_eq!(host.requests(UPSTREAM).len(), 2);
        assert_eq!(host.authorizations(), [bearer(1), bearer(2), bearer(2)]);
    }
}

#[tokio::test]
async fn an_app_that_refuses_every_token_is_tried_twice() {
    for flavour in Flavour::ALL {
        let host = Host::new(flavour, token, |_| Reply::status(401));
        assert_eq!(host.call(URL).await, Err(WorkflowError::StillUnauthorized(None)));
        assert_eq!(host.requests(UPSTREAM).len(), 2);
        assert_eq!(host.authorizations(), [bearer(1), bearer(2)]);
    }
}

#[tokio::test]
async fn a_refresh_that_brings_the_refused_token_is_told() {
    for flavour in Flavour::ALL {
        let host = Host::new(flavour, |_| token(1), |_| Reply::status(401));
        let error = host.call(URL).await;
        let Err(WorkflowError::StillUnauthorized(Some(_))) = error else { panic!("{error:?}") };
        assert_eq!(host.requests(UPSTREAM).len(), 2);
        assert_eq!(host.authorizations(), [bearer(1), bearer(1)]);
    }
}

#[tokio::test]
async fn an_error_of_credwell_arrives_with_its_message() {
    for flavour in Flavour::ALL {
        let harness = Harness::builder(flavour).build();
        harness.upstream.always(Reply::status(404));
        let error = harness.get(ACCOUNT).await;
        let Err(Error::NotFound(message)) = error else { panic!("{error:?}") };

        let host = Host::new(flavour, |_| Reply::status(404), |_| Reply::status(200));
        assert_eq!(host.call(URL).await, Err(WorkflowError::NoCredentials(message)));
        assert!(host.requests(APP).is_empty());
    }
}

#[tokio::test]
async fn a_failed_refresh_is_the_result() {
    for flavour in Flavour::ALL {
        let upstream = |number| if number == 1 { token(number) } else { Reply::status(404) };
        let host = Host::new(flavour, upstream, |_| Reply::status(401));
        let error = host.call(URL).await;
        assert!(matches!(error, Err(WorkflowError::NoCredentials(_))), "{error:?}");
        assert_eq!(host.authorizations(), [bearer(1)]);
    }
}

#[tokio::test]
async fn an_account_that_is_based_on_keys_has_no_access_token() {
    for flavour in Flavour::ALL {
        let keys = json!({ "data": { "id": ACCOUNT, "credentials": { "api_key": format!("{TOKEN}key") } } });
        let host = Host::new(flavour, move |_| Reply::status(200).json(&keys), |_| Reply::status(200));
        assert_eq!(host.call(URL).await, Err(WorkflowError::NoAccessToken));
        assert!(host.requests(APP).is_empty());
    }
}

#[tokio::test]
async fn an_app_that_does_not_answer_is_unreachable() {
    for flavour in Flavour::ALL {
        for failure in Fault::ALL {
            let replies =
                [Reply::failure(failure), Reply::status(200).body("half an answer").breaking_with(failure)];
            for reply in replies {
                let host = Host::new(flavour, token, move |_| reply.clone());
                let error = host.call(URL).await;
                assert!(matches!(error, Err(WorkflowError::AppUnreachable(_))), "{failure:?}: {error:?}");
                assert_eq!(host.authorizations(), [bearer(1)]);
            }
        }
    }
}

#[tokio::test]
async fn nothing_is_sent_to_an_insecure_url() {
    for flavour in Flavour::ALL {
        for url in ["http://app.example/v1/me", "app.example/v1/me", ""] {
            let host = Host::new(flavour, token, |_| Reply::status(200));
            assert_eq!(host.call(url).await, Err(WorkflowError::InsecureUrl));
            assert_eq!(host.network.count(), 0);
        }
    }
}

#[test]
fn the_composed_component_imports_no_more_packages_than_the_provider() {
    for flavour in Flavour::ALL {
        let component = component(flavour);
        let component_type = component.component().component_type();
        let imports = component_type.imports(component.component().engine()).map(|(name, _)| name);
        let packages: BTreeSet<&str> = imports.filter_map(|name| Some(name.split_once('/')?.0)).collect();
        let expected = ["wasi:clocks", "wasi:config", "wasi:http", "wasi:io", "wasi:keyvalue", "wasi:random"];
        assert_eq!(packages, BTreeSet::from(expected));
    }
}
