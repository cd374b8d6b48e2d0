//! Tests that the component does what each tab of the upstream's document does, and what the document's
//! pseudo-code for caching does.

use crate::scenario::{ACCOUNT, Account, assert_error, assert_token, case, field, secret};
use host_test::{Error, Reply, Source, TEST_API_KEY};
use serde_json::json;

/// The requests of all five tabs are equal, except that cURL omits one header.
fn assert_request_of_the_document(request: &host_test::RecordedRequest) {
    assert_eq!(request.method, "GET");
    assert_eq!(
        request.uri.to_string(),
        format!("https://api.pipedream.com/v1/accounts/{ACCOUNT}/credentials")
    );
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("authorization"), Some(format!("Bearer {TEST_API_KEY}").as_str()));
}

case! {
    /// "Pipedream (Node.js)": the caller gives the account's id and the key (`props`; here the argument and
    /// the configuration). A status that isn't OK throws an error with the status. Otherwise the whole JSON
    /// is returned.
    async fn pipedream_node(scenario) {
        scenario.reply(Reply::status(500));
        let Err(Error::UpstreamFailure(failure)) = scenario.get().await else { panic!("it doesn't throw") };
        assert_eq!(failure.status, 500);
        assert!(failure.message.contains("500"));
        scenario.reply(Account::oauth("1").with("more", json!({"kept": true})));
        let result = scenario.get().await.unwrap();
        assert_request_of_the_document(&scenario.harness.upstream.last_request().unwrap());
        assert_eq!(field(&result.account_fields, "more"), Some(json!({"kept": true})));
        assert_eq!(field(&result.fields, "oauth_access_token"), Some(json!(secret("1"))));
    }
}

case! {
    /// "Pipedream (Python)": returns the JSON for any status. The component returns an error for the JSON of
    /// an error.
    async fn pipedream_python(scenario) {
        scenario.reply(Account::oauth("1"));
        assert_token(&scenario.get().await, "1", Source::Upstream);
        assert_request_of_the_document(&scenario.harness.upstream.last_request().unwrap());
        scenario.reply(Reply::status(401).json(&json!({"error": "unauthorized"})));
        assert_error(&scenario.force().await, "unauthorized");
    }
}

case! {
    /// "cURL": prints the body. The component's result has every field of the body.
    async fn curl(scenario) {
        let account = Account::oauth("1");
        scenario.reply(account.clone());
        let result = scenario.get().await.unwrap();
        assert_request_of_the_document(&scenario.harness.upstream.last_request().unwrap());
        for (name, value) in account.0.as_object().unwrap() {
            if name != "credentials" {
                assert_eq!(field(&result.account_fields, name).as_ref(), Some(value), "{name}");
            }
        }
        for (name, value) in account.0["credentials"].as_object().unwrap() {
            assert_eq!(field(&result.fields, name).as_ref(), Some(value), "{name}");
        }
    }
}

case! {
    /// "Node.js v20": `const { data } = await response.json()`, and the credentials are in
    /// `data.credentials`.
    async fn node(scenario) {
        let credentials = json!({"oauth_access_token": secret("1"), "custom": [1, 2]});
        scenario.reply(Reply::status(200).json(&json!({"data": {"credentials": credentials}})));
        let result = scenario.get().await.unwrap();
        assert_request_of_the_document(&scenario.harness.upstream.last_request().unwrap());
        assert_eq!(result.fields.len(), 2);
        assert_eq!(field(&result.fields, "custom"), Some(json!([1, 2])));
        assert_eq!(result.access_token, Some(secret("1")));
    }
}

case! {
    /// "Python 3.12": `data = r.json()`, and the credentials are in `data.data.credentials`, which is
    /// `data["data"]["credentials"]`.
    async fn python(scenario) {
        let credentials = json!({"api_key": secret("key")});
        scenario.reply(Reply::status(200).json(&json!({"data": {"credentials": credentials}})));
        let result = scenario.get().await.unwrap();
        assert_request_of_the_document(&scenario.harness.upstream.last_request().unwrap());
        assert_eq!(field(&result.fields, "api_key"), Some(json!(secret("key"))));
        assert_eq!(result.access_token, None);
    }
}

case! {
    /// The pseudo-code: the cached token until `expires_at`, then a new token. An error if the fetch fails,
    /// and an error if the response has no token.
    async fn the_pseudo_code(scenario) {
        scenario.reply(Account::oauth("1").expiring(3600));
        assert_token(&scenario.get().await, "1", Source::Upstream);
        scenario.advance(1800);
        assert_token(&scenario.get().await, "1", Source::Cache);
        scenario.advance(1801);
        scenario.reply(Reply::status(500));
        assert_error(&scenario.get().await, "upstream-failure");
        scenario.reply(Account::oauth("1").with("credentials", json!(null)));
        assert_error(&scenario.get().await, "no-credentials");
        scenario.reply(Account::oauth("2").expiring(7200));
        assert_token(&scenario.get().await, "2", Source::Upstream);
    }
}

case! {
    /// "… or when you encounter auth errors when making your API request."
    async fn an_auth_error_at_the_app(scenario) {
        scenario.reply(Account::oauth("1").expiring(3600));
        scenario.get().await.unwrap();
        scenario.reply(Account::oauth("2").expiring(3600));
        assert_token(&scenario.refresh(Some(&secret("1"))).await, "2", Source::Upstream);
    }
}
