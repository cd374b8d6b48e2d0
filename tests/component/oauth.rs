//! Tests of the OAuth client's own token: its fetch, caching, encryption and refresh.

use crate::scenario::{Account, Scenario, assert_error, assert_token, at, case, secret};
use host_test::{Error, Fault, HarnessBuilder, RateLimit, Refused, Reply, Source, Warning};
use serde_json::json;

fn with_client(builder: HarnessBuilder) -> HarnessBuilder {
    builder
        .without_config("credwell_api_key")
        .config("credwell_request_form", "account")
        .config("credwell_oauth_client_id", "client")
        .config("credwell_oauth_client_secret", secret("client"))
}

fn token(name: &str, expires_in: i64) -> Reply {
    Reply::status(200).json(&json!({
        "access_token": secret(name),
        "token_type": "Bearer",
        "expires_in": expires_in,
        "created_at": 1_767_225_600,
    }))
}

/// The path of each request, and the bearer token in its `authorization` header.
fn sent(scenario: &Scenario) -> Vec<(String, String)> {
    let requests = scenario.harness.upstream.requests();
    let sent = requests.iter().map(|request| {
        let bearer = request.header("authorization").unwrap_or_default();
        let bearer = bearer.trim_start_matches("Bearer ").trim_start_matches("s3cr3t-");
        (request.uri.path().to_owned(), bearer.to_owned())
    });
    sent.collect()
}

case! {
    async fn one_token_serves_many_accounts(scenario, builder => with_client(builder)) {
        scenario.reply(token("t1", 3600));
        for id in ["apn_a", "apn_b", "apn_c"] {
            scenario.reply(Account::oauth("1").with("id", id));
        }
        for id in ["apn_a", "apn_b", "apn_c", "apn_a"] {
            scenario.get_account(id).await.unwrap();
        }
        let paths: Vec<_> = sent(&scenario).into_iter().map(|(path, _)| path).collect();
        assert_eq!(
            paths,
            ["/v1/oauth/token", "/v1/accounts/apn_a", "/v1/accounts/apn_b", "/v1/accounts/apn_c"]
        );
        // The entries of three accounts and of the token.
        assert_eq!(scenario.harness.key_value.entries().len(), 4);
    }
}

case! {
    async fn the_token_is_refreshed_before_its_expiry(scenario, builder => with_client(builder)) {
        scenario.reply(token("t1", 3600));
        scenario.reply(Account::oauth("1").expiring(60));
        scenario.get().await.unwrap();
        scenario.advance(3600 - 91);
        scenario.reply(Account::oauth("2").expiring(3560));
        assert_token(&scenario.get().await, "2", Source::Upstream);
        scenario.advance(51);
        scenario.reply(token("t2", 3600));
        scenario.reply(Account::oauth("3").expiring(7200));
        assert_token(&scenario.get().await, "3", Source::Upstream);
        let bearers: Vec<_> = sent(&scenario).into_iter().map(|(_, bearer)| bearer).collect();
        assert_eq!(bearers, ["", "t1", "t1", "", "t2"]);
    }
}

case! {
    /// The token was revoked before its expiry. The component fetches a new one and repeats the request once.
    async fn a_revoked_token_is_replaced_once(scenario, builder => with_client(builder)) {
        scenario.reply(token("t1", 3600));
        scenario.reply(Account::oauth("1"));
        scenario.get().await.unwrap();
        scenario.reply(Reply::status(401));
        scenario.reply(token("t2", 3600));
        scenario.reply(Account::oauth("2"));
        assert_token(&scenario.force().await, "2", Source::Upstream);
        scenario.reply(Reply::status(401));
        scenario.reply(token("t3", 3600));
        scenario.reply(Reply::status(401));
        assert_error(&scenario.force().await, "unauthorized");
        assert_eq!(scenario.requests(), 8);
    }
}

case! {
    async fn a_new_token_that_is_refused_is_not_replaced(scenario, builder => with_client(builder)) {
        scenario.reply(token("t1", 3600));
        scenario.reply(Reply::status(401));
        let Err(Error::Unauthorized(refusal)) = scenario.get().await else { panic!("not unauthorized") };
        assert_eq!(refusal.refused, Refused::OauthToken);
        assert!(refusal.message.contains("OAuth client"), "{refusal:?}");
        assert_eq!(scenario.requests(), 2);
    }
}

case! {
    async fn a_refused_client_is_an_error_of_its_settings(scenario, builder => with_client(builder)) {
        for status in [400, 401, 403] {
            scenario.reply(Reply::status(status).body(r#"{"error": "invalid_client"}"#));
            let Err(Error::Unauthorized(refusal)) = scenario.get().await else { panic!("{status}") };
            assert_eq!(refusal.refused, Refused::OauthClient);
            assert!(refusal.message.contains("credwell_oauth_client_secret"), "{refusal:?}");
        }
        scenario.reply(Reply::status(404));
        assert_error(&scenario.get().await, "upstream-failure");
        // The error isn't one of the account, so nothing is cached.
        assert!(scenario.harness.key_value.entries().is_empty());
    }
}

case! {
    async fn a_malformed_token_is_an_error(scenario, builder => with_client(builder)) {
        for body in [
            json!({}),
            json!({"access_token": 5}),
            json!({"access_token": "a", "expires_in": "x"}),
            json!([]),
        ] {
            scenario.reply(Reply::status(200).json(&body));
            assert_error(&scenario.get().await, "malformed-response");
        }
    }
}

case! {
    /// Without `expires_in` the token's lifetime is unknown.
    async fn a_token_without_expiry_is_used_and_not_cached(scenario, builder => with_client(builder)) {
        for name in ["t1", "t2"] {
            scenario.reply(Reply::status(200).json(&json!({"access_token": secret(name)})));
            scenario.reply(Account::oauth(name));
            assert_token(&scenario.force().await, name, Source::Upstream);
        }
    }
}

case! {
    /// The request for a token is not idempotent, so it is repeated only if the upstream has not acted on it.
    async fn a_token_request_that_the_upstream_may_have_received_is_not_repeated(
        scenario, builder => with_client(builder)
    ) {
        let hanging = || Reply::status(200).head_after(std::time::Duration::from_secs(12));
        let breaking = || Reply::status(200).chunks([(std::time::Duration::ZERO, "{")]);
        for (reply, requests) in [
            (Reply::status(429), 3),
            (Reply::status(503), 3),
            (Reply::status(502), 1),
            (Reply::status(504), 1),
            (Reply::failure(Fault::Dns), 3),
            (Reply::failure(Fault::DnsTimeout), 3),
            (Reply::failure(Fault::ConnectionRefused), 3),
            (Reply::failure(Fault::ConnectTimeout), 3),
            (Reply::failure(Fault::TlsProtocol), 3),
            (Reply::failure(Fault::TlsCertificate), 3),
            (Reply::failure(Fault::ConnectionTerminated), 1),
            (Reply::failure(Fault::ReadTimeout), 1),
            (Reply::failure(Fault::ResponseTimeout), 1),
            (Reply::failure(Fault::ResponseIncomplete), 1),
            (Reply::failure(Fault::HttpProtocol), 1),
            (Reply::failure(Fault::RequestDenied), 1),
            (hanging(), 1),
            (breaking().breaking_with(Fault::ConnectionTerminated), 1),
            (breaking().breaking_with(Fault::ReadTimeout), 1),
        ] {
            let before = scenario.requests();
            for _ in 0..requests {
                scenario.reply(reply.clone());
            }
            assert!(scenario.get().await.is_err());
            assert_eq!(scenario.requests(), before + requests, "{reply:?}");
        }
    }
}

case! {
    /// In the refresh window the token is still used after a failed refresh, and the refresh backs off.
    async fn the_token_is_used_while_its_refresh_fails(scenario, builder => with_client(builder)) {
        scenario.configuration().set("credwell_max_retries", "0");
        scenario.reply(token("t1", 3600));
        scenario.reply(Account::oauth("1"));
        scenario.get().await.unwrap();
        scenario.advance(3550);
        scenario.reply(Reply::status(429).header("retry-after", "20"));
        for (name, is_warned) in [("2", true), ("3", false)] {
            scenario.reply(Account::oauth(name).with("expires_at", at(7200)));
            let result = scenario.force().await;
            assert_token(&result, name, Source::Upstream);
            let warnings = result.unwrap().warnings;
            match &warnings[..] {
                [] => assert!(!is_warned),
                [Warning::OauthTokenRefreshFailed(Error::RateLimited(RateLimit { retry_after, .. }))] => {
                    assert!(is_warned);
                    assert_eq!(*retry_after, Some(20));
                }
                _ => panic!("{warnings:?}"),
            }
            scenario.advance(18);
        }
        let bearers: Vec<_> = sent(&scenario).into_iter().map(|(_, bearer)| bearer).collect();
        assert_eq!(bearers, ["", "t1", "", "t1", "t1"]);
    }
}

case! {
    /// A token endpoint that hangs leaves time for the request of the account.
    async fn a_token_that_cannot_be_refreshed_in_time_still_serves(
        scenario, builder => with_client(builder)
    ) {
        scenario.reply(token("t1", 3600));
        scenario.reply(Account::oauth("1"));
        scenario.get().await.unwrap();
        scenario.advance(3550);
        let hanging = || Reply::status(200).head_after(std::time::Duration::from_secs(60));
        scenario.harness.upstream.respond_with(move |request| {
            if request.uri.path() == "/v1/oauth/token" {
                hanging()
            } else {
                Account::oauth("2").expiring(7200).reply()
            }
        });
        assert_token(&scenario.force().await, "2", Source::Upstream);
    }
}

case! {
    /// The upstream refuses the revoked token of both hosts. The slower host uses the token that the faster
    /// host fetched.
    async fn a_token_that_another_host_has_fetched_is_used(scenario, builder => with_client(builder)) {
        scenario.reply(token("t1", 3600));
        scenario.reply(Account::oauth("1"));
        scenario.get().await.unwrap();
        let other = scenario.second_host(with_client);
        scenario.reply(Reply::status(401).head_after(std::time::Duration::from_secs(5)));
        let fast = async {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            scenario.reply(Reply::status(401));
            scenario.reply(token("t2", 3600));
            scenario.reply(Account::oauth("2"));
            scenario.reply(Account::oauth("3"));
            assert_token(&other.force().await, "2", Source::Upstream);
        };
        let (slow, ()) = tokio::join!(scenario.force(), fast);
        assert!(slow.is_ok());
        let tokens = sent(&scenario).into_iter().filter(|(path, _)| path == "/v1/oauth/token");
        assert_eq!(tokens.count(), 2);
    }
}

case! {
    /// The request has a body, the client's secret. The stalled connection doesn't accept it.
    async fn a_token_endpoint_that_accepts_no_body_ends_at_the_deadline(
        scenario, builder => with_client(builder)
            .config("credwell_max_retries", "0")
    ) {
        scenario.reply(Reply::stalling());
        let before = tokio::time::Instant::now();
        assert_error(&scenario.get().await, "timed-out");
        let took = before.elapsed().as_millis();
        assert!((30_000..30_100).contains(&took), "{took} ms");
        assert_eq!(scenario.requests(), 1);
    }
}
