//! Tests of the removal of an entry: it is final for requests under way.

use crate::scenario::{CALLERS_KEY, Response, Scenario, account, case};
use host_test::Reply;
use std::time::Duration;
use tokio::time::sleep;

const fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

/// Gets the credentials, and removes the entry through another host after a second. The request takes longer.
async fn get_during_a_removal(scenario: &Scenario, other: &Scenario) -> Response {
    let removal = async {
        sleep(seconds(1)).await;
        other.delete(CALLERS_KEY).await
    };
    let (got, deleted) = tokio::join!(scenario.get(CALLERS_KEY), removal);
    assert_eq!(deleted.status, 204);
    got
}

case! {
    /// The request for a missing or a stale entry doesn't write its result back.
    async fn a_removal_is_final_for_a_request_under_way(scenario, pass_through) {
        for (ahead, is_cold) in [(-15, true), (0, true), (15, true), (-15, false), (0, false), (15, false)] {
            if !is_cold {
                scenario.upstream.reply(account("first"));
                scenario.get(CALLERS_KEY).await;
                scenario.clock.advance(seconds(265));
            }
            scenario.upstream.reply(account("old").head_after(seconds(2)));
            scenario.upstream.reply(account("new"));
            let other = scenario.another_host(ahead);
            assert_eq!(get_during_a_removal(&scenario, &other).await.token(), "old");
            assert_eq!(scenario.get(CALLERS_KEY).await.token(), "new", "{ahead} s ahead, {is_cold}");
            scenario.delete(CALLERS_KEY).await;
        }
    }
}

case! {
    /// The refresh of the stale entry fails after the removal. The request gets the stale credentials, but
    /// doesn't write them back.
    async fn a_fall_back_does_not_bring_a_removed_entry_back(scenario, pass_through) {
        scenario.configuration.set("credwell_max_retries", "0");
        scenario.upstream.reply(account("old"));
        scenario.get(CALLERS_KEY).await;
        scenario.clock.advance(seconds(255));
        scenario.upstream.reply(Reply::status(500).head_after(seconds(2)));
        scenario.upstream.reply(account("new"));
        let got = get_during_a_removal(&scenario, &scenario.another_host(0)).await;
        assert_eq!((got.status, got.token()), (200, "old".into()));
        assert_eq!(scenario.get(CALLERS_KEY).await.token(), "new");
    }
}
