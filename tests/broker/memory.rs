//! Tests that an idle instance holds no secret of the requests that it has answered, and none of its settings
//! unless it keeps them. They search every byte of its memory between two requests, in the instance that
//! answers all of them.

use crate::scenario::{ACCOUNT, METRICS_TOKEN, Response, request};
use chrono::{DateTime, SecondsFormat};
use host_test::{
    BrokerHarness, Flavour, Reply, ReusedBroker, START_UNIX_MS, SearchedMemories, TEST_API_KEY,
    TEST_ENCRYPTION_KEYS, halves,
};
use serde_json::json;
use std::time::Duration;

/// The life of the upstream's tokens, from the start of the test.
const LIFE: Duration = Duration::from_secs(3600);

const FIRST_ACCESS_TOKEN: &str = "xoxp-1-8d20f4b6c95e7a13-first";
const SECOND_ACCESS_TOKEN: &str = "xoxp-2-e37c91a05f4bd862-second";
const REFRESH_TOKEN: &str = "xoxr-56ba0e8d1297fc34-refresh";
const CALLERS_KEY: &str = "pd_callers-0f93d7e25a8146bc";
const BROKER_TOKEN: &str = "broker-72c5f81e0d9a36b4-b14e6a29d8f30c75";

/// Secrets, by name.
type Secrets = Vec<(&'static str, Vec<u8>)>;

fn encryption_key() -> (Vec<u8>, &'static str) {
    let (_, digits) = TEST_ENCRYPTION_KEYS.split_once(':').expect("an id and a key");
    let byte = |number: usize| u8::from_str_radix(&digits[2 * number..2 * number + 2], 16).expect("digits");
    ((0..32).map(byte).collect(), digits)
}

/// The secrets that come with requests and responses.
fn secrets_of_requests() -> Secrets {
    let secrets = [
        ("the first access token", FIRST_ACCESS_TOKEN),
        ("the second access token", SECOND_ACCESS_TOKEN),
        ("the refresh token", REFRESH_TOKEN),
        ("the caller's API key", CALLERS_KEY),
    ];
    secrets.map(|(what, text)| (what, text.into())).into()
}

/// The secrets in the settings of the broker.
fn secrets_of_settings() -> Secrets {
    let (key, digits) = encryption_key();
    vec![
        ("the API key", TEST_API_KEY.into()),
        ("the broker's token", BROKER_TOKEN.into()),
        ("the metrics token", METRICS_TOKEN.into()),
        ("the encryption key", key),
        ("the encryption key's digits", digits.into()),
    ]
}

/// A request, with the time and the upstream's reply before it.
struct TestRequest {
    name: &'static str,
    after: u64,
    /// `None` if the upstream fails.
    reply: Option<Reply>,
    method: &'static str,
    path: String,
    bearer: &'static str,
    body: String,
    status: u16,
}

fn account(access_token: &str) -> Option<Reply> {
    let credentials = json!({"oauth_access_token": access_token, "oauth_refresh_token": REFRESH_TOKEN});
    let expires_at = DateTime::from_timestamp_millis(START_UNIX_MS as i64).expect("a time") + LIFE;
    let expires_at = expires_at.to_rfc3339_opts(SecondsFormat::Secs, true);
    Some(Reply::status(200).json(&json!({"data": {
        "id": "apn_EOhwvQr",
        "healthy": true,
        "dead": false,
        "credentials": credentials,
        "expires_at": expires_at,
    }})))
}

/// The requests of a caller with this bearer token. Cached credentials are stale after `stale_after` seconds.
fn steps(bearer: &'static str, stale_after: u64) -> Vec<TestRequest> {
    let refresh = json!({"rejected": FIRST_ACCESS_TOKEN}).to_string();
    let refresh_path = format!("{ACCOUNT}/refresh");
    let steps = [
        ("a failure without anything cached", 0, None, "GET", ACCOUNT, "", 502),
        ("a miss", 0, account(FIRST_ACCESS_TOKEN), "GET", ACCOUNT, "", 200),
        ("a hit", 0, None, "GET", ACCOUNT, "", 200),
        ("a refresh", 60, account(SECOND_ACCESS_TOKEN), "POST", &refresh_path, &refresh, 200),
        ("a refresh that another caller has made", 0, None, "POST", &refresh_path, &refresh, 200),
        ("a fall-back on the cached token", stale_after, None, "GET", ACCOUNT, "", 200),
        ("a failure with an expired token", 3600, None, "GET", ACCOUNT, "", 502),
        ("forgetting", 0, None, "DELETE", ACCOUNT, "", 204),
        ("the metrics", 0, None, "GET", "/metrics", "", 200),
    ];
    let steps = steps.into_iter().map(|(name, after, reply, method, path, body, status)| {
        let bearer = if path == "/metrics" { METRICS_TOKEN } else { bearer };
        TestRequest {
            name,
            after,
            reply,
            method,
            path: path.to_owned(),
            bearer,
            body: body.to_owned(),
            status,
        }
    });
    steps.collect()
}

/// Sends the requests to one instance, and searches its memory after each. `keeps` is whether the instance
/// keeps its configuration.
async fn search(flavour: Flavour, mode: &str, bearer: &'static str, stale_after: u64, keeps: bool) {
    let mut harness = BrokerHarness::builder(flavour)
        .config("credwell_broker_mode", mode)
        .config("credwell_broker_metrics_token", METRICS_TOKEN)
        .config("credwell_keep_configuration", keeps.to_string())
        .config("credwell_max_retries", "0");
    if mode == "managed" {
        harness = harness
            .config("credwell_api_key", TEST_API_KEY)
            .config("credwell_broker_tokens", BROKER_TOKEN)
            .config("credwell_broker_accounts", "apn_EOhwvQr");
    }
    let harness = harness.build();
    let memories = SearchedMemories::default();
    let mut instance = harness.reused_in(&memories.engine(), flavour).await;
    let (secrets, settings) = (halves(&secrets_of_requests()), halves(&secrets_of_settings()));
    for step in steps(bearer, stale_after) {
        harness.clock.advance(Duration::from_secs(step.after));
        harness.upstream.always(step.reply.clone().unwrap_or_else(|| Reply::status(500)));
        let response = send(&mut instance, &step).await;
        assert_eq!(response.status, step.status, "{}, {mode}, {response:?}", step.name);
        assert_eq!(memories.find(&secrets), None, "after {}, {mode}, {flavour:?}", step.name);
        assert_eq!(memories.find(&settings).is_some(), keeps, "after {}, {mode}, {flavour:?}", step.name);
    }
    // The search works: it finds a text that isn't secret.
    assert!(memories.find(&[("a content type", b"application/json".to_vec())]).is_some());
}

async fn send(instance: &mut ReusedBroker, step: &TestRequest) -> Response {
    let headers = [("authorization", &*format!("Bearer {}", step.bearer))];
    Response::of(instance.handle(request(step.method, &step.path, &headers, step.body.clone())).await)
}

#[tokio::test(start_paused = true)]
async fn an_idle_instance_holds_no_key_of_a_caller_and_no_token() {
    for flavour in Flavour::ALL {
        search(flavour, "pass-through", CALLERS_KEY, 230, true).await;
        search(flavour, "pass-through", CALLERS_KEY, 230, false).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_instance_keeps_the_settings_of_the_broker_at_most() {
    for flavour in Flavour::ALL {
        search(flavour, "managed", BROKER_TOKEN, 3490, true).await;
        search(flavour, "managed", BROKER_TOKEN, 3490, false).await;
    }
}
