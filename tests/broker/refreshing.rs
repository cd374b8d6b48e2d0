//! Tests of when the broker refreshes an entry.

use crate::scenario::{BROKER_TOKEN, CALLERS_KEY, account, case};
use host_test::{KeyValueError, Operation, Reply};
use std::time::Duration;

case! {
    /// The upstream brings the same token again, which expires an hour after it was first fetched. Its window
    /// stays as it was, and the next requests follow after 5, 10 and 20 s.
    async fn a_token_that_is_fetched_again_keeps_its_refresh_window(scenario, managed) {
        scenario.upstream.always(account("one"));
        scenario.get(BROKER_TOKEN).await;
        scenario.clock.advance(Duration::from_secs(3_545));
        let mut asked_at = Vec::new();
        for second in 0..50 {
            let before = scenario.upstream.count();
            assert_eq!(scenario.get(BROKER_TOKEN).await.token(), "one");
            if scenario.upstream.count() > before {
                asked_at.push(second);
            }
            scenario.clock.advance(Duration::from_secs(1));
        }
        assert_eq!(asked_at, [0, 5, 15, 35]);
    }
}

case! {
    /// A refresh fails, and the store refuses the entry with the backoff.
    async fn several_warnings_make_one_detail(scenario, pass_through) {
        scenario.configuration.set("credwell_max_retries", "0");
        scenario.upstream.reply(account("one"));
        scenario.get(CALLERS_KEY).await;
        scenario.clock.advance(Duration::from_secs(255));
        scenario.upstream.always(Reply::status(500));
        scenario.key_value.fail(Operation::Set, KeyValueError::AccessDenied);
        let stale = scenario.get(CALLERS_KEY).await;
        let status = stale.header("cache-status").expect("it is there");
        assert!(status.ends_with("; detail=\"refresh-failed, cache-degraded\""), "{status}");
    }
}
