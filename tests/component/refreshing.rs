//! Tests of the refresh before the expiry.

use crate::scenario::{Account, assert_error, assert_token, at, case};
use host_test::{Fault, Reply, Source, Warning};

case! {
    /// The window is 60 s, and the jitter extends it by up to half.
    async fn within_the_window_credentials_are_refreshed(scenario) {
        scenario.reply(Account::oauth("1").expiring(3600));
        scenario.reply(Account::oauth("2").expiring(7200));
        scenario.get().await.unwrap();
        scenario.advance(3600 - 91);
        assert_token(&scenario.get().await, "1", Source::Cache);
        scenario.advance(31);
        assert_token(&scenario.get().await, "2", Source::Upstream);
        assert_token(&scenario.get().await, "2", Source::Cache);
    }
}

case! {
    async fn the_window_is_configurable(scenario, builder => builder
        .config("credwell_refresh_window_seconds", "600")
    ) {
        scenario.reply(Account::oauth("1").expiring(3600));
        scenario.reply(Account::oauth("2").expiring(7200));
        scenario.get().await.unwrap();
        scenario.advance(3600 - 901);
        assert_token(&scenario.get().await, "1", Source::Cache);
        scenario.advance(301);
        assert_token(&scenario.get().await, "2", Source::Upstream);
    }
}

case! {
    async fn a_window_of_zero_uses_a_token_to_its_end(scenario, builder => builder
        .config("credwell_refresh_window_seconds", "0")
    ) {
        scenario.reply(Account::oauth("1").expiring(3600));
        scenario.get().await.unwrap();
        scenario.advance(3599);
        assert_token(&scenario.get().await, "1", Source::Cache);
    }
}

case! {
    /// For a lifetime of 60 s the window is a sixth of the lifetime, and with the jitter at most a quarter.
    async fn a_short_life_has_a_short_window(scenario) {
        scenario.reply(Account::oauth("1").expiring(60));
        scenario.reply(Account::oauth("2").expiring(120));
        scenario.get().await.unwrap();
        scenario.advance(44);
        assert_token(&scenario.get().await, "1", Source::Cache);
        scenario.advance(6);
        assert_token(&scenario.get().await, "2", Source::Upstream);
    }
}

case! {
    /// Between 90 s and 60 s before the expiry some calls refresh and some do not.
    async fn the_jitter_spreads_the_refreshes(scenario) {
        scenario.harness.upstream.respond_with(|_| Account::oauth("1").expiring(3600).reply());
        let mut refreshed = 0;
        for _ in 0..40 {
            scenario.forget().await.unwrap();
            scenario.harness.clock.set_wall(host_test::START_UNIX_MS);
            scenario.get().await.unwrap();
            scenario.advance(3600 - 75);
            refreshed += u32::from(scenario.get().await.unwrap().source == Source::Upstream);
        }
        assert!((5..=35).contains(&refreshed), "{refreshed} of 40 refreshed halfway through the jitter");
    }
}

case! {
    async fn a_failed_refresh_returns_the_valid_token_with_a_warning(scenario) {
        let failures = [
            Reply::status(500),
            Reply::status(503),
            Reply::status(401),
            Reply::status(200).body("not json"),
            Reply::failure(Fault::ConnectionRefused),
            Reply::failure(Fault::Dns),
            Account::oauth("1").with("healthy", false).reply(),
            Reply::status(429).header("retry-after", "3600"),
        ];
        scenario.configuration().set("credwell_max_retries", "0");
        for failure in failures {
            scenario.forget().await.unwrap();
            scenario.harness.clock.set_wall(host_test::START_UNIX_MS);
            scenario.reply(Account::oauth("1").expiring(3600));
            scenario.get().await.unwrap();
            scenario.advance(3550);
            scenario.reply(failure);
            let result = scenario.get().await;
            assert_token(&result, "1", Source::Cache);
            let warnings = result.unwrap().warnings;
            assert!(matches!(warnings.as_slice(), [Warning::RefreshFailed(_)]), "{warnings:?}");
        }
    }
}

case! {
    /// After a failed refresh there is no request for 1 s, then for 2 s, and so on. Each result has the
    /// warning.
    async fn failed_refreshes_back_off(scenario, builder => builder.config("credwell_max_retries", "0")) {
        scenario.reply(Account::oauth("1").expiring(3600));
        scenario.get().await.unwrap();
        scenario.advance(3545);
        let mut before = scenario.requests();
        for (wait, requests) in [(0, 2), (0, 2), (1, 3), (1, 3), (1, 4), (3, 4), (1, 5)] {
            scenario.advance(wait);
            scenario.reply(Reply::status(500));
            let result = scenario.get().await;
            assert_token(&result, "1", Source::Cache);
            let warnings = result.unwrap().warnings;
            let [warning] = &warnings[..] else { panic!("{warnings:?}") };
            assert_eq!(matches!(warning, Warning::RefreshFailed(_)), requests > before, "{warning:?}");
            assert_eq!(matches!(warning, Warning::RefreshDeferred(_)), requests == before, "{warning:?}");
            assert_eq!(scenario.requests(), requests);
            before = requests;
        }
    }
}

case! {
    async fn a_rate_limited_refresh_waits_as_the_upstream_demands(scenario, builder => builder
        .config("credwell_refresh_window_seconds", "600")
    ) {
        scenario.reply(Account::oauth("1").expiring(3600));
        scenario.reply(Reply::status(429).header("retry-after", "100"));
        scenario.reply(Account::oauth("2").expiring(7200));
        scenario.get().await.unwrap();
        scenario.advance(3100);
        assert_token(&scenario.get().await, "1", Source::Cache);
        scenario.advance(99);
        assert_token(&scenario.get().await, "1", Source::Cache);
        scenario.advance(2);
        assert_token(&scenario.get().await, "2", Source::Upstream);
    }
}

case! {
    /// A refresh that the upstream refuses ends the service of a valid token at once.
    async fn a_refusal_evicts_a_valid_token(scenario) {
        for (reply, error) in [
            (Reply::status(404), "not-found"),
            (Reply::status(403), "forbidden"),
            (Account::oauth("1").with("dead", true).reply(), "account-dead"),
            (Account::oauth("1").without("credentials").reply(), "no-credentials"),
        ] {
            scenario.forget().await.unwrap();
            scenario.harness.clock.set_wall(host_test::START_UNIX_MS);
            scenario.reply(Account::oauth("1").expiring(3600));
            scenario.get().await.unwrap();
            scenario.advance(3550);
            scenario.reply(reply.clone());
            assert_error(&scenario.get().await, error);
            if error == "no-credentials" {
                // The other errors are cached.
                scenario.reply(reply);
            }
            assert_error(&scenario.get().await, error);
        }
    }
}

case! {
    /// The upstream's rate limit ends in the year 2050. The component waits for five minutes.
    async fn no_refresh_is_delayed_by_more_than_five_minutes(scenario) {
        scenario.reply(Account::oauth("1").without("expires_at").with("next_refresh_at", at(780)));
        scenario.reply(Reply::status(429).header("x-ratelimit-reset", "2524608000000"));
        scenario.reply(Account::oauth("2").without("expires_at"));
        scenario.get().await.unwrap();
        scenario.advance(780);
        assert_token(&scenario.get().await, "1", Source::Cache);
        scenario.advance(299);
        assert_token(&scenario.get().await, "1", Source::Cache);
        scenario.advance(1);
        assert_token(&scenario.get().await, "2", Source::Upstream);
    }
}

case! {
    /// An equal token with a later `next_refresh_at` was refreshed, so it doesn't count as unchanged.
    async fn a_token_that_is_extended_does_not_back_off(scenario) {
        for cycle in 0..6 {
            let next = at(780 * (cycle + 1));
            scenario.reply(Account::oauth("1").without("expires_at").with("next_refresh_at", next));
            assert_token(&scenario.get().await, "1", Source::Upstream);
            assert_token(&scenario.get().await, "1", Source::Cache);
            scenario.advance(780);
        }
        assert_eq!(scenario.requests(), 6);
    }
}

case! {
    /// The upstream couldn't refresh the token. The caller gets the expired token with a warning.
    async fn credentials_that_have_expired_on_arrival_have_a_warning(scenario) {
        scenario.reply(Account::oauth("1").expiring(-10));
        scenario.reply(Account::oauth("2").expiring(3600));
        let result = scenario.get().await;
        assert_token(&result, "1", Source::Upstream);
        assert!(matches!(result.unwrap().warnings[..], [Warning::AlreadyExpired]));
        assert_token(&scenario.get().await, "2", Source::Upstream);
    }
}

case! {
    /// The upstream may revoke the token at `next_refresh_at`, long before `expires_at`.
    async fn the_upstreams_own_refresh_is_followed(scenario) {
        scenario.reply(Account::oauth("1").expiring(3600).with("next_refresh_at", at(780)));
        scenario.reply(Account::oauth("2").expiring(4380).with("next_refresh_at", at(1560)));
        scenario.get().await.unwrap();
        scenario.advance(779);
        assert_token(&scenario.get().await, "1", Source::Cache);
        scenario.advance(1);
        assert_token(&scenario.get().await, "2", Source::Upstream);
        assert_token(&scenario.get().await, "2", Source::Cache);
    }
}

case! {
    async fn the_upstreams_own_refresh_is_followed_without_an_expiry_too(scenario) {
        scenario.reply(Account::oauth("1").without("expires_at").with("next_refresh_at", at(780)));
        scenario.reply(Account::oauth("2").without("expires_at"));
        scenario.get().await.unwrap();
        scenario.advance(780);
        assert_token(&scenario.get().await, "2", Source::Upstream);
    }
}

case! {
    /// While the upstream returns the same token, the component sends the next request after 5 s, 10 s and 20
    /// s, and not at each call.
    async fn an_unchanged_token_backs_off(scenario) {
        let reply = Account::oauth("1").expiring(3600).with("next_refresh_at", at(780)).reply();
        for _ in 0..4 {
            scenario.reply(reply.clone());
        }
        scenario.get().await.unwrap();
        scenario.advance(780);
        for (wait, source, requests) in [
            (0, Source::Upstream, 2),
            (0, Source::Cache, 2),
            (4, Source::Cache, 2),
            (1, Source::Upstream, 3),
            (9, Source::Cache, 3),
            (1, Source::Upstream, 4),
            (19, Source::Cache, 4),
        ] {
            scenario.advance(wait);
            let result = scenario.get().await;
            assert_token(&result, "1", source);
            assert!(result.unwrap().warnings.is_empty());
            assert_eq!(scenario.requests(), requests);
        }
        scenario.reply(Account::oauth("2").expiring(7200));
        scenario.advance(1);
        assert_token(&scenario.get().await, "2", Source::Upstream);
    }
}
