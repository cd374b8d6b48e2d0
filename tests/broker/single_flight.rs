//! Of many requests for one account one asks the upstream, in instances that know nothing of each other.

use crate::scenario::{CALLERS_KEY, Response, Scenario, account, case};
use host_test::{Fault, KeyValueError, Operation, Reply};
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::Instant;

/// So many requests at the same time.
async fn crowd(scenario: &Scenario, count: usize) -> Vec<Response> {
    futures_util::future::join_all((0..count).map(|_| scenario.get(CALLERS_KEY))).await
}

fn statuses(responses: &[Response]) -> HashSet<u16> {
    responses.iter().map(|response| response.status).collect()
}

case! {
    async fn two_hundred_requests_for_a_cold_account_make_one_to_the_upstream(scenario, crowd) {
        scenario.upstream.always(account("one").head_after(Duration::from_millis(800)));
        let before = Instant::now();
        let responses = crowd(&scenario, 200).await;
        assert_eq!(statuses(&responses), HashSet::from([200]));
        assert!(responses.iter().all(|response| response.token() == "one"));
        assert_eq!(scenario.upstream.count(), 1);
        assert!(before.elapsed() < Duration::from_secs(2), "{:?}", before.elapsed());
        // The turn was given back: what is left is the entry.
        assert_eq!(scenario.key_value.entries().len(), 1);
    }
}

case! {
    /// While one refreshes what is due, the others are served at once.
    async fn nobody_waits_for_the_refresh_of_what_still_serves(scenario, crowd) {
        scenario.upstream.reply(account("one"));
        scenario.get(CALLERS_KEY).await;
        scenario.clock.advance(Duration::from_secs(299));
        scenario.upstream.reply(account("two").head_after(Duration::from_millis(900)));
        let started = Instant::now();
        let timed = (0..50).map(async |_| (scenario.get(CALLERS_KEY).await, started.elapsed()));
        let responses = futures_util::future::join_all(timed).await;
        let slow = responses.iter().filter(|(_, took)| *took > Duration::from_millis(500));
        assert_eq!(slow.count(), 1);
        assert_eq!(responses.iter().filter(|(response, _)| response.token() == "one").count(), 49);
        assert_eq!(scenario.upstream.count(), 2);
    }
}

case! {
    /// All have met the same dead token.
    async fn many_rejections_make_one_request(scenario, crowd) {
        scenario.upstream.reply(account("one"));
        scenario.get(CALLERS_KEY).await;
        scenario.upstream.always(account("two").head_after(Duration::from_millis(800)));
        let refreshes = (0..100).map(|_| scenario.refresh(CALLERS_KEY, r#"{"rejected": "one"}"#));
        let responses = futures_util::future::join_all(refreshes).await;
        assert!(responses.iter().all(|response| response.status == 200 && response.token() == "two"));
        assert_eq!(scenario.upstream.count(), 2);
    }
}

case! {
    /// A no is shared too, as long as it is kept.
    async fn a_no_is_for_all_who_waited(scenario, crowd) {
        scenario.upstream.always(Reply::status(404).head_after(Duration::from_millis(800)));
        assert_eq!(statuses(&crowd(&scenario, 50).await), HashSet::from([404]));
        assert_eq!(scenario.upstream.count(), 1);
    }
}

case! {
    /// Those who have waited get the failure of the one who asked; whoever comes later asks anew.
    async fn a_failure_is_for_all_who_waited_and_nobody_else(scenario, crowd) {
        scenario.configuration.set("credwell_max_retries", "0");
        for (reply, status, header) in [
            (Reply::status(503).header("retry-after", "7"), 502, Some("7")),
            (Reply::status(429).header("retry-after", "9"), 429, Some("9")),
            (Reply::status(401), 401, None),
            (Reply::failure(Fault::ConnectionRefused), 502, None),
        ] {
            let before = (scenario.upstream.count(), Instant::now());
            scenario.upstream.always(reply.head_after(Duration::from_millis(800)));
            let responses = crowd(&scenario, 200).await;
            let expected = |response: &Response| {
                response.status == status && response.header("retry-after") == header
            };
            assert!(responses.iter().all(expected), "{responses:?}");
            assert_eq!(scenario.upstream.count(), before.0 + 1);
            assert!(before.1.elapsed() < Duration::from_millis(1_600), "{:?}", before.1.elapsed());
        }
        scenario.upstream.always(account("one"));
        assert_eq!(scenario.get(CALLERS_KEY).await.status, 200);
    }
}

case! {
    /// What serves others isn't touched by the failure of a refresh that one of them asked for.
    async fn a_failed_refresh_is_for_those_who_rejected_the_token(scenario, crowd) {
        scenario.configuration.set("credwell_max_retries", "0");
        scenario.upstream.reply(account("one"));
        scenario.get(CALLERS_KEY).await;
        scenario.upstream.always(Reply::status(500).head_after(Duration::from_millis(800)));
        let refreshes = (0..50).map(|_| scenario.refresh(CALLERS_KEY, r#"{"rejected": "one"}"#));
        assert_eq!(statuses(&futures_util::future::join_all(refreshes).await), HashSet::from([502]));
        assert_eq!(scenario.upstream.count(), 2);
        assert_eq!(scenario.get(CALLERS_KEY).await.token(), "one");
    }
}

case! {
    /// The one whose turn it was has died: its number is left in the store. The others wait for the end of the slice,
    /// and then one of them asks.
    async fn a_turn_of_one_who_has_died_ends_by_itself(scenario, crowd) {
        scenario.upstream.always(account("one").head_after(Duration::from_millis(200)));
        let started = Instant::now();
        let dead = tokio::time::timeout(Duration::from_millis(100), scenario.get(CALLERS_KEY)).await;
        assert!(dead.is_err());
        scenario.upstream.always(account("two").head_after(Duration::from_millis(200)));
        scenario.key_value.fail(Operation::Set, KeyValueError::AccessDenied);
        scenario.key_value.recover();
        let responses = crowd(&scenario, 50).await;
        assert_eq!(statuses(&responses), HashSet::from([200]));
        assert!(started.elapsed() < Duration::from_secs(11), "{:?}", started.elapsed());
        assert!(scenario.upstream.count() <= 2, "{}", scenario.upstream.count());
    }
}

case! {
    /// Nobody hangs beyond its deadline, whatever the upstream does.
    async fn all_end_by_their_deadline(scenario, crowd) {
        scenario.configuration.set("credwell_deadline_ms", "3000");
        scenario.configuration.set("credwell_max_retries", "0");
        scenario.upstream.always(Reply::stalling());
        let before = Instant::now();
        assert_eq!(statuses(&crowd(&scenario, 50).await), HashSet::from([504]));
        assert!(before.elapsed() < Duration::from_millis(3_200), "{:?}", before.elapsed());
    }
}

case! {
    /// A host that can't count in one step, or not now: everyone asks, and everyone is answered.
    async fn without_turns_everyone_asks(scenario, crowd) {
        scenario.key_value.fail(Operation::Increment, KeyValueError::AccessDenied);
        scenario.upstream.always(account("one").head_after(Duration::from_millis(800)));
        let responses = crowd(&scenario, 20).await;
        assert_eq!(statuses(&responses), HashSet::from([200]));
        assert_eq!(scenario.upstream.count(), 20);
    }
}
