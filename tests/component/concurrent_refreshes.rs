//! Tests of slow refreshes, and of two hosts that refresh the same account.

use crate::scenario::{Account, Scenario, assert_error, assert_token, case, secret};
use host_test::{Credentials, Error, Reply, Source};
use std::time::Duration;

case! {
    /// The cached token is still valid, so the refresh gets half of the deadline only.
    async fn a_slow_refresh_does_not_use_up_the_whole_call(scenario, builder => builder
        .config("credwell_deadline_ms", "8000")
    ) {
        scenario.reply(Account::oauth("1").expiring(3600));
        scenario.get().await.unwrap();
        scenario.advance(3550);
        scenario.reply(Account::oauth("2").reply().head_after(Duration::from_secs(60)));
        let before = tokio::time::Instant::now();
        assert_token(&scenario.get().await, "1", Source::Cache);
        let took = before.elapsed().as_millis();
        assert!((4000..4100).contains(&took), "{took} ms");
    }
}

case! {
    /// The token is valid at the beginning of the refresh, and has expired at its end.
    async fn a_token_that_expires_during_a_failing_refresh_is_not_served(scenario) {
        scenario.configuration().set("credwell_max_retries", "0");
        for refresh in [false, true] {
            scenario.forget().await.unwrap();
            scenario.harness.clock.set_wall(host_test::START_UNIX_MS);
            scenario.reply(Account::oauth("1").expiring(3600));
            scenario.get().await.unwrap();
            scenario.advance(3598);
            scenario.reply(Reply::status(500).head_after(Duration::from_secs(5)));
            let result = if refresh { scenario.force().await } else { scenario.get().await };
            assert_error(&result, "upstream-failure");
            assert!(scenario.harness.key_value.entries().is_empty());
        }
    }
}

case! {
    /// A slow refresh fails after another host's refresh has succeeded. The other host's token stays in the
    /// cache, and is the result.
    async fn a_late_failure_does_not_undo_another_hosts_refresh(scenario) {
        scenario.configuration().set("credwell_max_retries", "0");
        scenario.reply(Account::oauth("1").expiring(3600));
        scenario.get().await.unwrap();
        scenario.advance(3550);
        let slow = overtaken(&scenario, Reply::status(500), scenario.get()).await;
        assert_token(&slow, "2", Source::Cache);
        assert!(slow.unwrap().warnings.is_empty());
        assert_token(&scenario.get().await, "2", Source::Cache);
    }
}

case! {
    /// A late response, whether an account or an error, doesn't replace the other host's newer token either.
    async fn a_late_response_does_not_undo_another_hosts_refresh(scenario) {
        for late in [Account::oauth("1").expiring(3700).reply(), Reply::status(404)] {
            scenario.forget().await.unwrap();
            scenario.harness.clock.set_wall(host_test::START_UNIX_MS);
            let _ = overtaken(&scenario, late, scenario.get()).await;
            assert_token(&scenario.get().await, "2", Source::Cache);
        }
    }
}

case! {
    /// All hosts share one entry: after the first refresh, every host gets the new token from the cache.
    async fn a_refresh_serves_every_host(scenario) {
        scenario.reply(Account::oauth("1").expiring(3600));
        scenario.reply(Account::oauth("2").expiring(7200));
        scenario.get().await.unwrap();
        scenario.advance(3550);
        scenario.get().await.unwrap();
        let other = scenario.second_host(|builder| builder);
        assert_token(&other.get().await, "2", Source::Cache);
    }
}

/// The result of `call`, whose upstream responds with `late` after five seconds. A second host fetches the
/// token "2" one second after the beginning of `call`.
async fn overtaken(
    scenario: &Scenario,
    late: Reply,
    call: impl Future<Output = Result<Credentials, Error>>,
) -> Result<Credentials, Error> {
    scenario.reply(late.head_after(Duration::from_secs(5)));
    let other = scenario.second_host(|builder| builder);
    let fast = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        scenario.reply(Account::oauth("2").expiring(7200));
        assert_token(&other.force().await, "2", Source::Upstream);
    };
    tokio::join!(call, fast).0
}

case! {
    /// The newer token is the result, because its issue may have ended the validity of the older token.
    async fn a_late_token_gives_way_to_a_newer_one(scenario) {
        let slow = overtaken(&scenario, Account::oauth("1").reply(), scenario.force()).await;
        assert_token(&slow, "2", Source::Cache);
        assert!(slow.unwrap().warnings.is_empty());
    }
}

case! {
    /// The upstream responds with the rejected token, after another host has got a new one.
    async fn a_late_rejected_token_gives_way_too(scenario) {
        scenario.reply(Account::oauth("1"));
        scenario.get().await.unwrap();
        let rejected = secret("1");
        let call = scenario.refresh(Some(&rejected));
        let slow = overtaken(&scenario, Account::oauth("1").reply(), call).await;
        assert_token(&slow, "2", Source::Cache);
        assert!(slow.unwrap().warnings.is_empty());
    }
}

case! {
    /// The clock of the host that wrote the entry is four seconds ahead. The entry is older than the fetch
    /// all the same, because the call found it before the fetch.
    async fn an_entry_with_the_time_of_a_fast_clock_is_replaced(scenario) {
        scenario.reply(Account::oauth("1"));
        scenario.get().await.unwrap();
        scenario.harness.clock.step_back(Duration::from_secs(4));
        scenario.reply(Account::oauth("2"));
        assert_token(&scenario.refresh(Some(&secret("1"))).await, "2", Source::Upstream);
        assert_token(&scenario.get().await, "2", Source::Cache);
    }
}
