//! Tests with a wall clock that steps back or forward.

use crate::scenario::{Account, assert_error, assert_token, case};
use host_test::{Reply, START_UNIX_MS, Source};
use std::time::Duration;

case! {
    /// The entry expires, a call notices the expiry, and the clock steps back to before the expiry.
    async fn an_expired_entry_stays_expired_when_the_clock_steps_back(scenario) {
        scenario.configuration().set("credwell_max_retries", "0");
        scenario.reply(Account::oauth("1").expiring(600));
        scenario.get().await.unwrap();
        scenario.advance(600);
        scenario.reply(Reply::status(500));
        assert_error(&scenario.get().await, "upstream-failure");
        scenario.harness.clock.step_back(Duration::from_secs(500));
        scenario.reply(Reply::status(500));
        assert_error(&scenario.get().await, "upstream-failure");
    }
}

case! {
    /// The clock steps back to before the fetch of the entry, so the entry's age is unknown.
    async fn an_entry_from_the_future_is_fetched_again_and_never_served(scenario) {
        scenario.configuration().set("credwell_max_retries", "0");
        scenario.reply(Account::oauth("1").expiring(600));
        scenario.get().await.unwrap();
        scenario.harness.clock.step_back(Duration::from_secs(60));
        scenario.reply(Reply::status(500));
        assert_error(&scenario.get().await, "upstream-failure");
        scenario.reply(Account::oauth("2").expiring(600));
        assert_token(&scenario.get().await, "2", Source::Upstream);
        assert_token(&scenario.get().await, "2", Source::Cache);
    }
}

case! {
    /// The clocks of machines differ by a few seconds.
    async fn a_small_step_back_is_tolerated(scenario) {
        scenario.reply(Account::oauth("1").expiring(600));
        scenario.get().await.unwrap();
        scenario.harness.clock.step_back(Duration::from_secs(4));
        assert_token(&scenario.get().await, "1", Source::Cache);
    }
}

case! {
    async fn a_clock_before_1970_and_one_far_ahead_do_no_harm(scenario) {
        for moment in [0, START_UNIX_MS * 100] {
            scenario.harness.clock.set_wall(moment);
            scenario.reply(Account::oauth("1"));
            assert_token(&scenario.get().await, "1", Source::Upstream);
        }
    }
}
