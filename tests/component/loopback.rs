//! Tests of the component over real HTTP, against a server on the loopback. They show that a real HTTP client
//! sends the component's requests, which the scripted upstream can't show.

use crate::scenario::assert_error;
use host_test::{Clock, Flavour, Harness, HarnessBuilder, Network, SampleUpstream, Source};

const ACCOUNT: &str = SampleUpstream::ACCOUNT_IDS[0];

const API_KEY: [(&str, &str); 1] = [("credwell_api_key", SampleUpstream::API_KEY)];
const OAUTH_CLIENT: [(&str, &str); 2] = [
    ("credwell_oauth_client_id", SampleUpstream::CLIENT_ID),
    ("credwell_oauth_client_secret", SampleUpstream::CLIENT_SECRET),
];
const PROJECT: [(&str, &str); 2] =
    [("credwell_project_id", SampleUpstream::PROJECT_ID), ("credwell_environment", "development")];

async fn start() -> SampleUpstream {
    SampleUpstream::start().await.expect("a free port")
}

/// The builder of a harness that reaches the server, with these settings in place of the default API key.
fn builder(flavour: Flavour, upstream: &SampleUpstream, settings: &[(&str, &str)]) -> HarnessBuilder {
    let builder = Harness::builder(flavour)
        .network(Network::to([upstream.authority()]))
        .clock(Clock::system())
        .without_config("credwell_api_key")
        .config("credwell_base_url", upstream.base_url())
        // Here the waits between retries would take real time.
        .config("credwell_max_retries", "0");
    settings.iter().fold(builder, |builder, (name, value)| builder.config(*name, *value))
}

#[tokio::test]
async fn each_form_is_served_first_from_the_upstream_and_then_from_the_cache() {
    for (form, settings, requests) in [
        ("credentials", API_KEY.to_vec(), 1),
        ("account", API_KEY.to_vec(), 1),
        ("account", OAUTH_CLIENT.to_vec(), 2),
        ("connect", [OAUTH_CLIENT, PROJECT].concat(), 2),
    ] {
        for flavour in Flavour::ALL {
            let upstream = start().await;
            let builder = builder(flavour, &upstream, &settings).config("credwell_request_form", form);
            let harness = builder.build();
            let first = harness.get(ACCOUNT).await.expect(form);
            let second = harness.get(ACCOUNT).await.expect(form);
            assert_eq!((first.source, second.source), (Source::Upstream, Source::Cache), "{form}");
            assert!(first.access_token.is_some(), "{form}");
            assert!(first.access_token == second.access_token, "{form}");
            assert_eq!(upstream.count(), requests, "{form}");
        }
    }
}

#[tokio::test]
async fn a_wrong_key_is_unauthorized() {
    for flavour in Flavour::ALL {
        let upstream = start().await;
        let harness = builder(flavour, &upstream, &[("credwell_api_key", "wrong")]).build();
        assert_error(&harness.get(ACCOUNT).await, "unauthorized");
    }
}

#[tokio::test]
async fn a_wrong_client_secret_is_unauthorized() {
    for flavour in Flavour::ALL {
        let upstream = start().await;
        let builder = builder(flavour, &upstream, &OAUTH_CLIENT)
            .config("credwell_request_form", "account")
            .config("credwell_oauth_client_secret", "wrong");
        assert_error(&builder.build().get(ACCOUNT).await, "unauthorized");
    }
}

#[tokio::test]
async fn an_unknown_account_is_not_found() {
    for flavour in Flavour::ALL {
        let upstream = start().await;
        let harness = builder(flavour, &upstream, &API_KEY).build();
        assert_error(&harness.get("apn_unknown").await, "not-found");
    }
}

#[tokio::test]
async fn a_stopped_upstream_is_unreachable() {
    for flavour in Flavour::ALL {
        let upstream = start().await;
        let harness = builder(flavour, &upstream, &API_KEY).build();
        drop(upstream);
        assert_error(&harness.get(ACCOUNT).await, "unreachable");
    }
}
