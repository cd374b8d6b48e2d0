//! Tests of the requests that the upstream receives.

use crate::scenario::{Account, SECRET, case, secret};
use host_test::{Reply, TEST_API_KEY};
use serde_json::json;

case! {
    /// Form A, as Pipedream's document shows it: path, method, key and content type. The URL holds no key.
    async fn form_a_is_the_documented_one(scenario) {
        scenario.reply(Account::oauth("1"));
        scenario.get().await.unwrap();
        let request = scenario.harness.upstream.last_request().unwrap();
        assert_eq!(request.method, "GET");
        assert_eq!(request.uri.to_string(), "https://api.pipedream.com/v1/accounts/apn_EOhwvQr/credentials");
        assert_eq!(request.header("authorization"), Some(format!("Bearer {TEST_API_KEY}").as_str()));
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("accept"), Some("application/json"));
        assert!(request.header("user-agent").unwrap().starts_with("credwell/"));
        assert!(request.body.is_empty());
    }
}

case! {
    async fn form_b_with_an_api_key(scenario, builder => builder.config("credwell_request_form", "account")) {
        scenario.reply(Account::oauth("1"));
        scenario.get().await.unwrap();
        let request = scenario.harness.upstream.last_request().unwrap();
        assert_eq!(
            request.uri.to_string(),
            "https://api.pipedream.com/v1/accounts/apn_EOhwvQr?include_credentials=1"
        );
        assert_eq!(request.header("authorization"), Some(format!("Bearer {TEST_API_KEY}").as_str()));
    }
}

case! {
    /// Form C: the response is the account object itself. The request has the environment header and the
    /// token of the OAuth client.
    async fn form_c_is_the_connect_api(scenario, builder => builder
        .without_config("credwell_api_key")
        .config("credwell_request_form", "connect")
        .config("credwell_project_id", "proj_a1B2")
        .config("credwell_environment", "development")
        .config("credwell_oauth_client_id", "client")
        .config("credwell_oauth_client_secret", secret("client"))
    ) {
        scenario.reply(Reply::status(200).json(&json!({
            "access_token": secret("api"), "token_type": "Bearer", "expires_in": 3600, "created_at": 1,
        })));
        scenario.reply(Reply::status(200).json(&Account::oauth("1").0));
        scenario.get().await.unwrap();
        let requests = scenario.harness.upstream.requests();
        assert_eq!(requests.len(), 2);
        assert_eq!(requests[0].method, "POST");
        assert_eq!(requests[0].uri.to_string(), "https://api.pipedream.com/v1/oauth/token");
        assert_eq!(requests[0].header("authorization"), None);
        let body: serde_json::Value = serde_json::from_slice(&requests[0].body).unwrap();
        assert_eq!(
            body,
            json!({
                "grant_type": "client_credentials",
                "client_id": "client",
                "client_secret": secret("client"),
                "scope": "connect:accounts:read",
            })
        );
        assert_eq!(
            requests[1].uri.to_string(),
            "https://api.pipedream.com/v1/connect/proj_a1B2/accounts/apn_EOhwvQr?include_credentials=true"
        );
        assert_eq!(requests[1].header("authorization"), Some(format!("Bearer {SECRET}api").as_str()));
        assert_eq!(requests[1].header("x-pd-environment"), Some("development"));
    }
}

case! {
    async fn the_base_url_is_put_in_front(scenario, builder => builder
        .config("credwell_base_url", "http://127.0.0.1:8080/pipedream/")
    ) {
        scenario.reply(Account::oauth("1"));
        scenario.get().await.unwrap();
        let request = scenario.harness.upstream.last_request().unwrap();
        assert_eq!(
            request.uri.to_string(),
            "http://127.0.0.1:8080/pipedream/v1/accounts/apn_EOhwvQr/credentials"
        );
    }
}

case! {
    async fn the_timeouts_are_set_on_the_request(scenario, builder => builder
        .config("credwell_connect_timeout_ms", "1100")
        .config("credwell_first_byte_timeout_ms", "1200")
        .config("credwell_between_bytes_timeout_ms", "1300")
    ) {
        scenario.reply(Account::oauth("1"));
        scenario.get().await.unwrap();
        let options = scenario.harness.upstream.last_request().unwrap().options;
        let milliseconds =
            [options.connect_timeout, options.first_byte_timeout, options.between_bytes_timeout]
                .map(|timeout| timeout.unwrap().as_millis());
        assert_eq!(milliseconds, [1100, 1200, 1300]);
    }
}

case! {
    async fn no_timeout_is_longer_than_the_deadline(scenario, builder => builder
        .config("credwell_deadline_ms", "900")
    ) {
        scenario.reply(Account::oauth("1"));
        scenario.get().await.unwrap();
        let options = scenario.harness.upstream.last_request().unwrap().options;
        for timeout in [options.connect_timeout, options.first_byte_timeout, options.between_bytes_timeout] {
            assert!(timeout.unwrap().as_millis() <= 900);
        }
    }
}

case! {
    async fn a_malformed_account_id_is_refused_and_nothing_is_sent_or_stored(scenario) {
        let long = format!("apn_{}", "a".repeat(200));
        let id_with_a_secret = secret("token-in-the-wrong-place");
        for id in [
            "",
            "apn_",
            "EOhwvQr",
            "apn_a/../b",
            "apn_a%2Fb",
            "apn_a b",
            "apn_ä",
            "apn_a\n",
            &long,
            &id_with_a_secret,
        ] {
            let error = scenario.get_account(id).await.unwrap_err();
            assert!(
                matches!(&error, host_test::Error::InvalidAccountId(text) if text.contains("apn_")),
                "{id}: {error:?}"
            );
        }
        assert_eq!(scenario.requests(), 0);
        assert!(scenario.harness.key_value.operations().is_empty());
    }
}
