//! Tests of accounts for which the upstream has no usable credentials.

use crate::scenario::{Account, SECRET, assert_error, assert_token, case};
use host_test::{Error, Reply, Source};
use serde_json::json;

case! {
    async fn an_account_without_credentials_is_a_case_of_its_own(scenario) {
        for reply in [
            Account::oauth("1").without("credentials").reply(),
            Account::oauth("1").with("credentials", json!(null)).reply(),
            Account::oauth("1").with("credentials", json!({})).reply(),
            Reply::status(200).json(&json!({"data": {}})),
        ] {
            scenario.reply(reply);
            let Err(Error::NoCredentials(message)) = scenario.get().await else {
                panic!("not no-credentials")
            };
            assert!(message.contains("OAuth client of your own"), "{message}");
        }
        // The error isn't cached, because a user can connect the account again at any time.
        assert_eq!(scenario.requests(), 4);
    }
}

case! {
    async fn a_dead_account_is_an_error_with_the_reason(scenario) {
        scenario.reply(Account::oauth("1").with("dead", true).with("error", "the grant was revoked"));
        for _ in 0..2 {
            let Err(Error::AccountDead(state)) = scenario.get().await else { panic!("not account-dead") };
            assert_eq!(state.reason.as_deref(), Some("the grant was revoked"));
            assert!(state.message.contains("connect it anew"));
        }
        assert_eq!(scenario.requests(), 1);
    }
}

case! {
    /// The account may recover, so the next call requests it again.
    async fn an_unhealthy_account_is_an_error_and_not_cached(scenario) {
        scenario.reply(Account::oauth("1").with("healthy", false).with("error", "invalid_grant"));
        let Err(Error::AccountUnhealthy(state)) = scenario.get().await else {
            panic!("not account-unhealthy")
        };
        assert_eq!(state.reason.as_deref(), Some("invalid_grant"));
        scenario.reply(Account::oauth("1"));
        assert_token(&scenario.get().await, "1", Source::Upstream);
    }
}

case! {
    async fn a_reason_that_repeats_a_secret_is_left_out(scenario) {
        let leaking = format!("token {SECRET}1 was refused");
        scenario.reply(Account::oauth("1").with("dead", true).with("error", leaking));
        let Err(Error::AccountDead(state)) = scenario.get().await else { panic!("not account-dead") };
        assert_eq!(state.reason, None);
    }
}

case! {
    /// The negative cache keeps these three errors for 30 s, and no other.
    async fn an_error_of_the_account_is_cached_for_a_short_time(scenario) {
        for (reply, error) in [
            (Reply::status(404), "not-found"),
            (Reply::status(403), "forbidden"),
            (Account::oauth("1").with("dead", true).reply(), "account-dead"),
        ] {
            let before = scenario.requests();
            scenario.reply(reply);
            assert_error(&scenario.get().await, error);
            scenario.advance(29);
            assert_error(&scenario.get().await, error);
            assert_eq!(scenario.requests(), before + 1);
            scenario.advance(1);
            scenario.reply(Account::oauth("1"));
            assert_token(&scenario.get().await, "1", Source::Upstream);
            scenario.forget().await.unwrap();
        }
    }
}

case! {
    async fn no_other_error_is_cached(scenario) {
        scenario.configuration().set("credwell_max_retries", "0");
        for reply in [
            Reply::status(401),
            Reply::status(400),
            Reply::status(429),
            Reply::status(500),
            Reply::status(302).header("location", "https://elsewhere.example/"),
            Reply::status(200).body("{"),
            Reply::failure(host_test::Fault::ConnectionRefused),
            Reply::failure(host_test::Fault::TlsCertificate),
        ] {
            scenario.reply(reply);
            assert!(scenario.get().await.is_err());
            scenario.reply(Account::oauth("1"));
            assert_token(&scenario.get().await, "1", Source::Upstream);
            scenario.forget().await.unwrap();
        }
    }
}

case! {
    async fn the_time_in_the_negative_cache_is_configurable(scenario, builder => builder
        .config("credwell_negative_cache_seconds", "0")
    ) {
        scenario.reply(Reply::status(404));
        assert_error(&scenario.get().await, "not-found");
        assert!(scenario.harness.key_value.entries().is_empty());
        scenario.reply(Account::oauth("1"));
        assert_token(&scenario.get().await, "1", Source::Upstream);
    }
}
