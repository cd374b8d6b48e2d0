//! Tests of the limit of instances: a request beyond the limit waits for a free instance and doesn't fail.

use credwell_host::{Broker, Capabilities, Flavour, INSTANCE_LIMIT};
use host_test::{
    Clock, Configuration, MemoryKeyValue, MockUpstream, Reply, START_UNIX_MS, TEST_ENCRYPTION_KEYS,
};
use http::Request;
use http_body_util::Empty;
use std::sync::Arc;
use std::time::Duration;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;

/// A number of requests above the engine's limit of instances.
const MANY: usize = INSTANCE_LIMIT as usize + 50;

#[tokio::test(start_paused = true)]
async fn more_requests_than_instances_are_all_answered() {
    let broker = Broker::new(Flavour::Wasmtime).expect("the broker is built");
    let upstream = MockUpstream::new();
    upstream.always(Reply::status(404).head_after(Duration::from_millis(500)));
    let configuration = Configuration::from_iter([
        ("credwell_broker_mode", "pass-through"),
        ("credwell_encryption_keys", TEST_ENCRYPTION_KEYS),
    ]);
    let key_value = Arc::new(MemoryKeyValue::new());
    let capabilities = Capabilities::new(Arc::new(upstream), key_value, Arc::new(configuration))
        .clock(Clock::new(START_UNIX_MS))
        .stderr(MemoryOutputPipe::new(1 << 20));
    let requests = (0..MANY).map(async |number| {
        let request = Request::get(format!("http://localhost/v1/accounts/apn_{number}/credentials"))
            .header("authorization", "Bearer pd_callers_key")
            .body(Empty::new());
        broker
            .handle(&capabilities, request.expect("a valid request"))
            .await
            .map(|response| response.status())
    });
    let responses = futures_util::future::join_all(requests).await;
    for response in responses {
        assert_eq!(response.expect("the broker answers"), 404);
    }
}
