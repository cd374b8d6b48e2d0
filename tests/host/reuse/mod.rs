//! Tests of the reuse of the broker's instances: when a request gets an instance that has answered others.

mod bounds;
mod work;

use credwell_host::{Broker, BrokerError, Capabilities, Flavour, Metrics};
use host_test::{
    Clock, Configuration, MemoryKeyValue, MockUpstream, Reply, START_UNIX_MS, TEST_ENCRYPTION_KEYS,
};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use serde_json::json;
use std::sync::{Arc, LazyLock};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

/// The token with which the broker counts requests in the store.
const METRICS_TOKEN: &str = "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm";

/// The built broker. Tests that fill its idle instances need one of their own.
fn shared_broker() -> Broker {
    static BROKER: LazyLock<Broker> = LazyLock::new(built_broker);
    BROKER.clone()
}

fn built_broker() -> Broker {
    Broker::new(Flavour::Wasmtime).expect("the broker is built")
}

/// A component in the text format that handles requests. `handle` is the body of its function, which begins
/// with the request and the response already dropped.
fn handler(memory: u32, handle: &str) -> Broker {
    let text = format!(
        r#"(component
            (import "wasi:http/types@0.2.0" (instance $http
                (export "incoming-request" (type (sub resource)))
                (export "response-outparam" (type (sub resource)))))
            (alias export $http "incoming-request" (type $request))
            (alias export $http "response-outparam" (type $response))
            (core func $drop-request (canon resource.drop $request))
            (core func $drop-response (canon resource.drop $response))
            (core module $module
                (import "host" "drop-request" (func $drop-request (param i32)))
                (import "host" "drop-response" (func $drop-response (param i32)))
                (memory {memory})
                (func (export "handle") (param $request i32) (param $response i32)
                    (call $drop-response (local.get $response))
                    {handle}))
            (core instance $code (instantiate $module (with "host" (instance
                (export "drop-request" (func $drop-request))
                (export "drop-response" (func $drop-response))))))
            (func $handle (param "request" (own $request)) (param "response-out" (own $response))
                (canon lift (core func $code "handle")))
            (instance $handler (export "handle" (func $handle)))
            (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))"#
    );
    let component = wat::parse_str(text).expect("the component's text is valid");
    Broker::from_bytes(Flavour::Wasmtime, &component).expect("the host links its imports")
}

const DROP_REQUEST: &str = "(call $drop-request (local.get $request))";

/// A broker with capabilities of its own.
struct Scenario {
    broker: Broker,
    upstream: MockUpstream,
    key_value: MemoryKeyValue,
    capabilities: Capabilities,
    metrics: Metrics,
}

impl Scenario {
    fn new(broker: Broker) -> Self {
        Self::with(broker, &[])
    }

    fn with(broker: Broker, settings: &[(&str, &str)]) -> Self {
        let (upstream, key_value, metrics) = (MockUpstream::new(), MemoryKeyValue::new(), Metrics::new());
        let configuration = Configuration::from_iter([
            ("credwell_broker_mode", "pass-through"),
            ("credwell_encryption_keys", TEST_ENCRYPTION_KEYS),
        ]);
        for (name, value) in settings {
            configuration.set(*name, *value);
        }
        let outgoing = Arc::new(upstream.clone());
        let capabilities = Capabilities::new(outgoing, Arc::new(key_value.clone()), Arc::new(configuration))
            .clock(Clock::new(START_UNIX_MS))
            .stderr(MemoryOutputPipe::new(1 << 20))
            .observed(&metrics);
        upstream.always(account());
        Self { broker, upstream, key_value, capabilities, metrics }
    }

    /// Sends a request for an account, and returns the response without its body.
    async fn request(&self, account: &str) -> Result<Response<HyperOutgoingBody>, BrokerError> {
        let request = Request::get(format!("http://localhost/v1/accounts/{account}/credentials"))
            .header("authorization", "Bearer pd_callers_key")
            .body(Empty::new());
        self.broker.handle(&self.capabilities, request.expect("a valid request")).await
    }

    /// Gets the credentials of an account, and waits until nothing is left to do.
    async fn get(&self, account: &str) {
        let response = self.request(account).await.expect("the broker answers");
        assert_eq!(response.status(), 200);
        response.into_body().collect().await.expect("the body is complete");
        // The instance has nothing to wait for, so its task ends before this one goes on.
        tokio::task::yield_now().await;
    }

    /// The number of instances that were started with these capabilities.
    #[track_caller]
    fn assert_started(&self, expected: usize) {
        let text = self.metrics.text();
        let started =
            text.lines().find_map(|line| line.strip_prefix("credwell_host_instances_started_total "));
        assert_eq!(started, Some(expected.to_string().as_str()));
    }
}

fn account() -> Reply {
    let credentials = json!({"oauth_access_token": "xoxp-1"});
    Reply::status(200).json(&json!({"data": {"credentials": credentials, "expires_at": null}}))
}
