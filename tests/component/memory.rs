//! Tests that the component's memory holds no secret after a call, except the settings that it keeps. They
//! search every byte of the linear memory, including the stack and freed blocks.

use crate::scenario::{ACCOUNT, Account, secret};
use host_test::{
    Capabilities, Clock, Configuration, Entropy, Flavour, MemoryKeyValue, MockUpstream, Reply, START_UNIX_MS,
    SearchedMemories, TEST_API_KEY, TEST_ENCRYPTION_KEYS, halves, link,
};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use wasmtime::component::{Component, Linker, Val};

const FIRST_ACCESS_TOKEN: &str = "1-8d20f4b6c95e7a13";
const SECOND_ACCESS_TOKEN: &str = "2-e37c91a05f4bd862";
const REFRESH_TOKEN: &str = "r-56ba0e8d1297fc34";
const CLIENT_SECRET: &str = "c-0f93d7e25a8146bc";
const FIRST_OAUTH_TOKEN: &str = "o-b14e6a29d8f30c75";
const SECOND_OAUTH_TOKEN: &str = "p-72c5f81e0d9a36b4";

/// The component's configuration for one kind of client, its secrets, and the upstream's replies.
struct Client {
    settings: Vec<(&'static str, String)>,
    /// The secrets among the settings.
    configured: Vec<(&'static str, String)>,
    /// The secrets that the upstream gives the client.
    given: Vec<(&'static str, String)>,
    /// The upstream's replies to the first fetch of the account.
    fetch: Vec<Reply>,
    /// The upstream's replies to the refresh of the account.
    refresh: Vec<Reply>,
}

impl Client {
    fn api_key() -> Self {
        Self {
            settings: vec![("credwell_api_key", TEST_API_KEY.to_owned())],
            configured: vec![("the API key", TEST_API_KEY.to_owned())],
            given: vec![],
            fetch: vec![account(FIRST_ACCESS_TOKEN)],
            refresh: vec![account(SECOND_ACCESS_TOKEN)],
        }
    }

    /// An OAuth client, whose first token is revoked before the refresh.
    fn oauth() -> Self {
        Self {
            settings: vec![
                ("credwell_request_form", "account".to_owned()),
                ("credwell_oauth_client_id", "client".to_owned()),
                ("credwell_oauth_client_secret", secret(CLIENT_SECRET)),
            ],
            configured: vec![("the client's secret", secret(CLIENT_SECRET))],
            given: vec![
                ("the client's first token", secret(FIRST_OAUTH_TOKEN)),
                ("the client's second token", secret(SECOND_OAUTH_TOKEN)),
            ],
            fetch: vec![oauth_token(FIRST_OAUTH_TOKEN), account(FIRST_ACCESS_TOKEN)],
            refresh: vec![Reply::status(401), oauth_token(SECOND_OAUTH_TOKEN), account(SECOND_ACCESS_TOKEN)],
        }
    }

    /// The secrets that no call may leave.
    fn secrets_of_calls(&self) -> Vec<(&'static str, Vec<u8>)> {
        let mut secrets = vec![
            ("the first access token", secret(FIRST_ACCESS_TOKEN).into_bytes()),
            ("the second access token", secret(SECOND_ACCESS_TOKEN).into_bytes()),
            ("the refresh token", secret(REFRESH_TOKEN).into_bytes()),
        ];
        secrets.extend(self.given.iter().map(|(what, text)| (*what, text.clone().into_bytes())));
        halves(&secrets)
    }

    /// The secrets that an instance keeps, unless a setting forbids it.
    fn configured_secrets(&self) -> Vec<(&'static str, Vec<u8>)> {
        let digits = TEST_ENCRYPTION_KEYS.split_once(':').unwrap().1;
        let key = (0..32).map(|n| u8::from_str_radix(&digits[2 * n..2 * n + 2], 16).unwrap()).collect();
        let mut secrets =
            vec![("the encryption key", key), ("the encryption key's digits", digits.as_bytes().to_vec())];
        secrets.extend(self.configured.iter().map(|(what, text)| (*what, text.clone().into_bytes())));
        halves(&secrets)
    }

    fn calls(self) -> Vec<TestCall> {
        let get = || ("get-credentials", vec![string(ACCOUNT)]);
        let refresh = || {
            let rejected = Val::Option(Some(Box::new(string(&secret(FIRST_ACCESS_TOKEN)))));
            ("refresh-credentials", vec![string(ACCOUNT), rejected])
        };
        let forget = ("forget-credentials", vec![string(ACCOUNT)]);
        let none = Vec::new;
        let calls = [
            ("a failure without anything cached", 0, none(), get(), false),
            ("a fetch", 0, self.fetch, get(), true),
            ("a result from the cache", 0, none(), get(), true),
            ("a refresh", 0, self.refresh, refresh(), true),
            ("a refresh that another caller has made", 0, none(), refresh(), true),
            ("a fall-back on the cached token", 3550, none(), get(), true),
            ("a failure with an expired token", 100, none(), get(), false),
            ("forgetting", 0, none(), forget, true),
        ];
        let calls = calls.into_iter().map(|(name, after, replies, (function, arguments), succeeds)| {
            TestCall { name, after: Duration::from_secs(after), replies, function, arguments, succeeds }
        });
        calls.collect()
    }
}

/// A call of the component, with the time and the upstream's replies before it.
struct TestCall {
    name: &'static str,
    /// How far the clock advances before the call.
    after: Duration,
    /// The upstream's next replies. After them, the upstream fails.
    replies: Vec<Reply>,
    function: &'static str,
    arguments: Vec<Val>,
    succeeds: bool,
}

fn string(text: &str) -> Val {
    Val::String(text.to_owned())
}

fn account(access_token: &str) -> Reply {
    let mut account = Account::oauth(access_token);
    account.0["credentials"]["oauth_refresh_token"] = secret(REFRESH_TOKEN).into();
    account.reply()
}

fn oauth_token(name: &str) -> Reply {
    Reply::status(200)
        .json(&json!({"access_token": secret(name), "token_type": "Bearer", "expires_in": 3600}))
}

/// Makes the calls in one instance, and searches the memory after each. `keeps` is whether the instance keeps
/// its configuration.
async fn search(flavour: Flavour, client: Client, keeps: bool) {
    let memories = SearchedMemories::default();
    let engine = memories.engine();
    let component = Component::new(&engine, flavour.load().unwrap()).unwrap();
    let mut linker = Linker::new(&engine);
    link::all(&mut linker, flavour).unwrap();
    let pre = linker.instantiate_pre(&component).unwrap();

    let upstream = MockUpstream::new();
    upstream.always(Reply::status(500));
    let clock = Clock::new(START_UNIX_MS);
    let configuration = Configuration::from_iter(client.settings.clone());
    configuration.set("credwell_encryption_keys", TEST_ENCRYPTION_KEYS);
    configuration.set("credwell_keep_configuration", keeps.to_string());
    let key_value = MemoryKeyValue::new().of(flavour);
    let capabilities = Capabilities::new(Arc::new(upstream.clone()), key_value, Arc::new(configuration))
        .clock(clock.clone())
        .entropy(Entropy::seeded(1));
    let mut store = host_test::store(&engine, &capabilities);
    let instance = pre.instantiate_async(&mut store).await.unwrap();
    let interface =
        instance.get_export_index(&mut store, None, "credwell:credentials/credentials@0.2.0").unwrap();

    let (secrets, configured) = (client.secrets_of_calls(), client.configured_secrets());
    for test_call in client.calls() {
        clock.advance(test_call.after);
        test_call.replies.into_iter().for_each(|reply| upstream.reply(reply));
        let export = instance.get_export_index(&mut store, Some(&interface), test_call.function).unwrap();
        let call = instance.get_func(&mut store, export).unwrap();
        let mut results = [Val::Bool(false)];
        call.call_async(&mut store, &test_call.arguments, &mut results).await.unwrap();
        let succeeded = matches!(&results[0], Val::Result(Ok(_)));
        assert_eq!(succeeded, test_call.succeeds, "{}, {flavour:?}", test_call.name);
        assert_eq!(memories.find(&secrets), None, "after {}, {flavour:?}", test_call.name);
        assert_eq!(memories.find(&configured).is_some(), keeps, "after {}, {flavour:?}", test_call.name);
    }
    // The search works: it finds a text that isn't secret.
    assert!(memories.find(&[("a content type", b"application/json".to_vec())]).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_client_with_an_api_key_leaves_no_secret_in_memory() {
    for flavour in Flavour::ALL {
        search(flavour, Client::api_key(), true).await;
        search(flavour, Client::api_key(), false).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_oauth_client_leaves_no_secret_in_memory() {
    for flavour in Flavour::ALL {
        search(flavour, Client::oauth(), true).await;
        search(flavour, Client::oauth(), false).await;
    }
}
