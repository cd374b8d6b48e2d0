//! Tests of the single flight: many concurrent requests for one account make one request to the upstream,
//! although the instances share only the store.

use crate::scenario::{CALLERS_KEY, Response, Scenario, account, case};
use host_test::{Fault, KeyValueError, Operation, Reply};
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::Instant;

/// Gets the account's credentials in `count` concurrent requests.
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
        // The leader has removed its lease, so the store has only the entry of the account.
        assert_eq!(scenario.key_value.entries().len(), 1);
    }
}

case! {
    /// While one request refreshes the stale entry, the other requests get the cached credentials at once.
    async fn no_request_waits_for_the_refresh_of_a_usable_entry(scenario, crowd) {
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
    /// All callers report the same rejected token.
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
    /// The followers get the negative entry of the leader.
    async fn a_not_found_is_shared_with_all_followers(scenario, crowd) {
        scenario.upstream.always(Reply::status(404).head_after(Duration::from_millis(800)));
        assert_eq!(statuses(&crowd(&scenario, 50).await), HashSet::from([404]));
        assert_eq!(scenario.upstream.count(), 1);
    }
}

case! {
    /// The followers get the failure of their leader. A later request makes a new request to the upstream.
    async fn a_failure_is_shared_with_the_followers_and_no_later_request(scenario, crowd) {
        scenario.configuration.set("credwell_max_retries", "0");
        let delay = Duration::from_millis(800);
        for (reply, status, header) in [
            (Reply::status(503).header("retry-after", "7"), 502, Some("7")),
            (Reply::status(401), 401, None),
            (Reply::failure(Fault::ConnectionRefused).connect_after(delay), 502, None),
            (Reply::status(429).header("retry-after", "9"), 429, Some("9")),
        ] {
            let before = (scenario.upstream.count(), Instant::now());
            scenario.upstream.always(reply.head_after(delay));
            let responses = crowd(&scenario, 200).await;
            let expected =
                |response: &Response| response.status == status && response.header("retry-after") == header;
            assert!(responses.iter().all(expected), "{responses:?}");
            assert_eq!(scenario.upstream.count(), before.0 + 1);
            assert!(before.1.elapsed() < Duration::from_millis(1_600), "{:?}", before.1.elapsed());
        }
        scenario.upstream.always(account("one"));
        assert_eq!(scenario.get(CALLERS_KEY).await.status, 429);
        scenario.clock.advance(Duration::from_secs(9));
        assert_eq!(scenario.get(CALLERS_KEY).await.status, 200);
    }
}

case! {
    /// A failed refresh leaves the cached credentials to the other callers.
    async fn a_failed_refresh_fails_only_the_callers_that_rejected_the_token(scenario, crowd) {
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
    /// Each request ends by its deadline, although the upstream sends no response.
    async fn all_requests_end_by_their_deadline(scenario, crowd) {
        scenario.configuration.set("credwell_deadline_ms", "3000");
        scenario.configuration.set("credwell_max_retries", "0");
        scenario.upstream.always(Reply::stalling());
        let before = Instant::now();
        assert_eq!(statuses(&crowd(&scenario, 50).await), HashSet::from([504]));
        assert!(before.elapsed() < Duration::from_millis(3_200), "{:?}", before.elapsed());
    }
}

case! {
    /// Without an atomic increment there are no leases: each request goes to the upstream, and each succeeds.
    async fn without_leases_each_request_goes_to_the_upstream(scenario, crowd) {
        scenario.key_value.fail(Operation::Increment, KeyValueError::AccessDenied);
        scenario.upstream.always(account("one").head_after(Duration::from_millis(800)));
        let responses = crowd(&scenario, 20).await;
        assert_eq!(statuses(&responses), HashSet::from([200]));
        assert_eq!(scenario.upstream.count(), 20);
    }
}

case! {
    /// An open bucket shows only what it has read before. The followers find the result of their leader all
    /// the same, whether it is an entry or a failure.
    async fn followers_see_the_result_where_an_open_bucket_caches_its_reads(scenario, crowd) {
        scenario.configuration.set("credwell_max_retries", "0");
        scenario.key_value.cache_reads();
        for (reply, status) in [(account("one"), 200), (Reply::status(500), 502)] {
            let before = (scenario.upstream.count(), Instant::now());
            scenario.upstream.always(reply.head_after(Duration::from_millis(600)));
            let responses = crowd(&scenario, 20).await;
            let (count, took) = (scenario.upstream.count() - before.0, before.1.elapsed());
            assert_eq!((statuses(&responses), count), (HashSet::from([status]), 1), "{took:?}");
            assert!(took < Duration::from_secs(1), "{took:?}");
            scenario.delete(CALLERS_KEY).await;
        }
    }
}
