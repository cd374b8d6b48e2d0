//! The client: which instance serves a call, and that it makes no difference.

use host_test::{
    CallError, Capabilities, Clock, Configuration, CredentialsClient, Entropy, Error, Flavour, Harness,
    MemoryKeyValue, MockUpstream, Reply, Runtime, START_UNIX_MS, Source, TEST_API_KEY, TEST_ENCRYPTION_KEYS,
};
use serde_json::json;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::task::JoinSet;

const ACCOUNT: &str = "apn_EOhwvQr";

/// More than a runtime has room for.
const MANY: usize = credwell_host::INSTANCE_LIMIT as usize + 50;

/// A client, and what stands behind its capabilities.
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

/// Every kind of answer, from one instance and from an instance for each.
#[tokio::test(start_paused = true)]
async fn what_a_used_instance_answers_is_what_a_new_one_does() {
    let scenario = Scenario::new();
    let harness = Harness::builder(Flavour::Wasmtime).build();
    for upstream in [&scenario.upstream, &harness.upstream] {
        upstream.reply(account("first"));
        upstream.reply(account("second"));
        upstream.always(Reply::status(404));
    }
    let client = &scenario.client;
    let told = |answer: Result<_, CallError>| {
        answer.map_err(|error| match error {
            CallError::Call(error) => error,
            CallError::Trap(trap) => panic!("{trap}"),
        })
    };
    for _ in 0..2 {
        assert_eq!(told(client.get(ACCOUNT).await), harness.get(ACCOUNT).await);
        for rejected in [Some("first"), Some("second"), None] {
            let answer = told(client.refresh(ACCOUNT, rejected).await);
            assert_eq!(answer, harness.refresh(ACCOUNT, rejected).await, "{rejected:?}");
        }
        assert_eq!(told(client.get("no id").await), harness.get("no id").await);
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

/// A key that fits into no header makes the host stop the component.
#[tokio::test(start_paused = true)]
async fn an_instance_that_trapped_serves_nobody() {
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
async fn an_instance_whose_call_was_given_up_serves_nobody() {
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
async fn more_calls_at_once_than_there_is_room_for_wait() {
    let scenario = Scenario::of(Runtime::new(Flavour::Wasmtime).expect("it is built"));
    scenario.upstream.always(account("token").head_after(Duration::from_secs(1)));
    let mut calls = JoinSet::new();
    for _ in 0..MANY {
        let client = scenario.client.clone();
        calls.spawn(async move { client.refresh(ACCOUNT, None).await });
    }
    for answer in calls.join_all().await {
        assert_eq!(answer.expect("credentials").source, Source::Upstream);
    }
}

#[tokio::test(start_paused = true)]
async fn what_many_clients_keep_leaves_room_for_another() {
    let runtime = Runtime::new(Flavour::Wasmtime).expect("it is built");
    let scenarios: Vec<_> = (0..MANY).map(|_| Scenario::of(runtime.clone())).collect();
    for scenario in &scenarios {
        scenario.upstream.reply(account("token"));
        assert_eq!(scenario.token().await.as_deref(), Some("token"));
    }
}
