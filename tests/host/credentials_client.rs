//! Tests of the credentials client: the choice of the instance for a call, and that the result doesn't depend
//! on it.

use host_test::{
    CallError, Capabilities, Clock, Configuration, CredentialsClient, Entropy, Error, Flavour, Harness,
    MemoryKeyValue, MockUpstream, Reply, Runtime, START_UNIX_MS, Source, TEST_API_KEY, TEST_ENCRYPTION_KEYS,
};
use serde_json::json;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::task::JoinSet;

const ACCOUNT: &str = "apn_EOhwvQr";

/// A number of calls or clients above the runtime's limit of instances.
const MANY: usize = credwell_host::INSTANCE_LIMIT as usize + 50;

/// A client with the capabilities that a test controls.
struct Scenario {
    client: CredentialsClient,
    upstream: MockUpstream,
    configuration: Configuration,
}

fn runtime() -> Runtime {
    static RUNTIME: LazyLock<Runtime> =
        LazyLock::new(|| Runtime::new(Flavour::Wasmtime).expect("it is built"));
    RUNTIME.clone()
}

impl Scenario {
    fn new() -> Self {
        Self::of(runtime())
    }

    fn of(runtime: Runtime) -> Self {
        let upstream = MockUpstream::new();
        let configuration = Configuration::from_iter([
            ("credwell_api_key", TEST_API_KEY),
            ("credwell_encryption_keys", TEST_ENCRYPTION_KEYS),
            ("credwell_forced_refresh_age_ms", "0"),
        ]);
        let key_value = Arc::new(MemoryKeyValue::new());
        let outgoing = Arc::new(upstream.clone());
        let capabilities = Capabilities::new(outgoing, key_value, Arc::new(configuration.clone()))
            .clock(Clock::new(START_UNIX_MS))
            .entropy(Entropy::seeded(0));
        Self { client: CredentialsClient::new(runtime, capabilities), upstream, configuration }
    }

    async fn token(&self) -> Option<String> {
        self.client.get(ACCOUNT).await.expect("credentials").access_token
    }
}

fn account(token: &str) -> Reply {
    Reply::status(200).json(&json!({"data": {"id": ACCOUNT, "credentials": {"oauth_access_token": token}}}))
}

#[tokio::test(start_paused = true)]
async fn an_instance_serves_a_hundred_calls() {
    let scenario = Scenario::new();
    scenario.upstream.reply(account("token"));
    for call in 1..=201 {
        assert_eq!(scenario.token().await.as_deref(), Some("token"));
        assert_eq!(scenario.client.instances(), usize::div_ceil(call, 100), "call {call}");
    }
    assert_eq!(scenario.upstream.count(), 1);
}

/// The client uses one instance for all calls, and the harness a new instance for each call.
#[tokio::test(start_paused = true)]
async fn a_used_instance_gives_the_results_of_a_new_one() {
    let scenario = Scenario::new();
    let harness = Harness::builder(Flavour::Wasmtime).config("credwell_forced_refresh_age_ms", "0").build();
    for upstream in [&scenario.upstream, &harness.upstream] {
        upstream.reply(account("first"));
        upstream.reply(account("second"));
        upstream.always(Reply::status(404));
    }
    let client = &scenario.client;
    let result = |result: Result<_, CallError>| {
        result.map_err(|error| match error {
            CallError::Call(error) => error,
            CallError::Trap(trap) => panic!("{trap}"),
        })
    };
    for _ in 0..2 {
        assert_eq!(result(client.get(ACCOUNT).await), harness.get(ACCOUNT).await);
        for rejected in [Some("first"), Some("second"), None] {
            let refreshed = result(client.refresh(ACCOUNT, rejected).await);
            assert_eq!(refreshed, harness.refresh(ACCOUNT, rejected).await, "{rejected:?}");
        }
        assert_eq!(result(client.get("no id").await), harness.get("no id").await);
        assert_eq!(client.forget(ACCOUNT).await.is_ok(), harness.forget(ACCOUNT).await.is_ok());
    }
    assert_eq!(scenario.upstream.count(), harness.upstream.count());
    assert_eq!(client.instances(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_error_has_its_case_and_its_message() {
    let scenario = Scenario::new();
    scenario.upstream.reply(Reply::status(403));
    let error = scenario.client.get(ACCOUNT).await.expect_err("the upstream refuses");
    assert!(matches!(&error, CallError::Call(Error::Forbidden(message)) if !message.is_empty()), "{error:?}");
    assert!(error.to_string().starts_with("forbidden: "), "{error}");
}

/// An API key that is too long for a header makes the component trap.
#[tokio::test(start_paused = true)]
async fn an_instance_that_trapped_serves_no_more_calls() {
    let scenario = Scenario::new();
    scenario.upstream.always(account("token"));
    scenario.token().await;
    scenario.configuration.set("credwell_api_key", "x".repeat(200_000));
    for trapped in 0..2 {
        let outcome = scenario.client.refresh(ACCOUNT, None).await;
        assert!(matches!(outcome, Err(CallError::Trap(_))), "{:?}", outcome.err());
        assert_eq!(scenario.client.instances(), 1 + trapped);
    }
    scenario.configuration.set("credwell_api_key", TEST_API_KEY);
    for _ in 0..2 {
        assert_eq!(scenario.token().await.as_deref(), Some("token"));
    }
    assert_eq!(scenario.client.instances(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_instance_whose_call_was_cancelled_serves_no_more_calls() {
    let scenario = Scenario::new();
    scenario.upstream.reply(account("token"));
    scenario.token().await;
    scenario.upstream.reply(Reply::stalling());
    let limit = Duration::from_millis(1);
    let call = tokio::time::timeout(limit, scenario.client.refresh(ACCOUNT, None));
    assert!(call.await.is_err());
    assert_eq!((scenario.upstream.count(), scenario.client.instances()), (2, 1));
    for _ in 0..2 {
        assert_eq!(scenario.token().await.as_deref(), Some("token"));
    }
    assert_eq!(scenario.client.instances(), 2);
}

#[tokio::test(start_paused = true)]
async fn two_calls_at_once_run_in_two_instances() {
    let scenario = Scenario::new();
    let delay = Duration::from_secs(1);
    scenario.upstream.always(account("token").head_after(delay));
    for _ in 0..2 {
        let started = tokio::time::Instant::now();
        let (client, other) = (&scenario.client, scenario.client.clone());
        let (one, two) = tokio::join!(client.refresh(ACCOUNT, None), other.refresh(ACCOUNT, None));
        assert!(one.is_ok() && two.is_ok());
        // Neither call waits for the other, and the next two calls use the same instances.
        assert!(started.elapsed() < delay * 2, "{:?}", started.elapsed());
        assert_eq!(scenario.client.instances(), 2);
    }
    assert_eq!(scenario.upstream.count(), 4);
}

#[tokio::test(start_paused = true)]
async fn concurrent_calls_above_the_limit_of_instances_wait() {
    let scenario = Scenario::of(Runtime::new(Flavour::Wasmtime).expect("it is built"));
    scenario.upstream.always(account("token").head_after(Duration::from_secs(1)));
    let mut calls = JoinSet::new();
    for _ in 0..MANY {
        let client = scenario.client.clone();
        calls.spawn(async move { client.refresh(ACCOUNT, None).await });
    }
    for result in calls.join_all().await {
        assert_eq!(result.expect("credentials").source, Source::Upstream);
    }
}

#[tokio::test(start_paused = true)]
async fn the_idle_instances_of_many_clients_leave_room_for_another() {
    let runtime = Runtime::new(Flavour::Wasmtime).expect("it is built");
    let scenarios: Vec<_> = (0..MANY).map(|_| Scenario::of(runtime.clone())).collect();
    for scenario in &scenarios {
        scenario.upstream.reply(account("token"));
        assert_eq!(scenario.token().await.as_deref(), Some("token"));
    }
}
