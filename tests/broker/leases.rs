//! Tests of the lease: it lasts as long as its holder lives, on whatever clock, and no longer.

use crate::scenario::{CALLERS_KEY, Response, Scenario, account, case};
use futures_util::future::join_all;
use host_test::{DEFAULT_BUCKET, Reply};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

/// Requests to these hosts in turn, each one `gap` after the one before it. Returns the responses with the
/// time that each took.
async fn queue(hosts: &[&Scenario], count: u32, gap: Duration) -> Vec<(Response, Duration)> {
    let requests = (0..count).map(async |n| {
        sleep(gap * n).await;
        let began_at = Instant::now();
        let response = hosts[n as usize % hosts.len()].get(CALLERS_KEY).await;
        (response, began_at.elapsed())
    });
    join_all(requests).await
}

case! {
    /// The leader's instance ends in the middle of its request, and leaves its lease in the store. Nobody
    /// asks before its silence is long enough. Then one of the followers does. A short deadline makes the
    /// silence shorter.
    async fn a_dead_leader_is_replaced_after_its_silence(scenario, crowd) {
        for (deadline, silence) in [("30000", 6_000), ("10000", 3_000)] {
            scenario.configuration.set("credwell_deadline_ms", deadline);
            let before = scenario.upstream.count();
            scenario.upstream.reply(Reply::killing().head_after(Duration::from_millis(2_500)));
            scenario.upstream.always(account("two").head_after(Duration::from_millis(200)));
            scenario.get_until_death(CALLERS_KEY).await;
            let died_at = Instant::now();
            // The lease is still in the store.
            assert_eq!(scenario.key_value.entries().len(), 1);

            let responses = queue(&[&scenario], 50, Duration::ZERO).await;
            assert!(responses.iter().all(|(response, _)| response.token() == "two"));
            assert_eq!(scenario.upstream.count(), before + 2);
            let asked_at = (scenario.upstream.requests()[before + 1].at - died_at).as_millis();
            assert!(asked_at >= silence && asked_at < silence + 200, "{asked_at} ms");
            assert!(responses.iter().all(|(_, took)| took.as_millis() < silence + 1_000));
            // The lease is gone, and the entry of the account is there.
            assert_eq!(scenario.key_value.entries().len(), 1);
            scenario.key_value.remove_bucket(DEFAULT_BUCKET);
            scenario.key_value.add_bucket(DEFAULT_BUCKET);
        }
    }
}

case! {
    /// The leader of the refresh of a stale entry dies. The other requests get the stale entry at once, and
    /// one of them refreshes it within a slice.
    async fn a_stale_entry_is_refreshed_within_a_slice_of_its_leaders_death(scenario, crowd) {
        scenario.upstream.reply(account("one"));
        scenario.get(CALLERS_KEY).await;
        scenario.clock.advance(seconds(255));
        scenario.upstream.reply(Reply::killing().head_after(seconds(1)));
        scenario.upstream.always(account("two").head_after(Duration::from_millis(200)));
        scenario.get_until_death(CALLERS_KEY).await;
        let died_at = Instant::now();
        let responses = queue(&[&scenario], 100, Duration::from_millis(150)).await;
        assert_eq!(scenario.upstream.count(), 3);
        let asked_at = scenario.upstream.requests()[2].at - died_at;
        assert!(asked_at <= seconds(11), "{asked_at:?}");
        assert!(responses.iter().all(|(response, _)| response.status == 200));
        assert!(responses.iter().filter(|(_, took)| *took > seconds(1)).count() <= 1);
        assert_eq!(responses.last().expect("a response").0.token(), "two");
    }
}

case! {
    /// The request goes over the ends of time slices, and the clocks of the two hosts differ.
    async fn a_long_request_has_one_flight_on_hosts_with_different_clocks(scenario, crowd) {
        scenario.configuration.set("credwell_first_byte_timeout_ms", "60000");
        for (ahead, latency) in [(0, 9), (7, 9), (15, 9), (-15, 9), (15, 1)] {
            let (before, began_at) = (scenario.upstream.count(), Instant::now());
            scenario.upstream.always(account("one").head_after(seconds(latency)));
            let other = scenario.another_host(ahead);
            let responses = queue(&[&scenario, &other], 100, Duration::from_millis(7)).await;
            assert!(responses.iter().all(|(response, _)| response.token() == "one"));
            assert_eq!(scenario.upstream.count(), before + 1, "{ahead} s ahead, {latency} s");
            assert!(began_at.elapsed() < seconds(latency + 1), "{:?}", began_at.elapsed());
            assert_eq!(other.get(CALLERS_KEY).await.token(), "one");
            assert_eq!(scenario.upstream.count(), before + 1);
            scenario.delete(CALLERS_KEY).await;
        }
    }
}

case! {
    /// Requests come all the time. The leader's request and its retries take all of its 30 s.
    async fn a_stalled_upstream_gets_one_request_at_a_time(scenario, crowd) {
        scenario.upstream.always(Reply::status(200).head_after(seconds(1_000)));
        let responses = queue(&[&scenario], 60, Duration::from_millis(500)).await;
        assert!(responses.iter().all(|(response, _)| response.status == 504));
        let longest = responses.iter().map(|(_, took)| *took).max().expect("a response");
        assert!(longest < seconds(31), "{longest:?}");
        assert!((3..=6).contains(&scenario.upstream.count()), "{}", scenario.upstream.count());
    }
}

case! {
    /// The leader is alive for longer than the silence after which a short deadline counts it as dead.
    async fn a_short_deadline_has_one_flight_too(scenario, crowd) {
        scenario.configuration.set("credwell_deadline_ms", "4000");
        // The request goes over a multiple of ten seconds.
        scenario.clock.advance(seconds(5));
        scenario.upstream.always(account("one").head_after(Duration::from_millis(3_500)));
        let responses = queue(&[&scenario], 60, Duration::from_millis(50)).await;
        assert!(responses.iter().all(|(response, _)| response.token() == "one"));
        assert_eq!(scenario.upstream.count(), 1);
    }
}

case! {
    /// By the clock of the other host, the beat of the live leader is too old or in the future.
    async fn a_stale_entry_has_one_refresh_on_hosts_with_different_clocks(scenario, crowd) {
        scenario.configuration.set("credwell_first_byte_timeout_ms", "60000");
        for ahead in [-15, 15] {
            scenario.upstream.always(account("one"));
            scenario.get(CALLERS_KEY).await;
            scenario.clock.advance(seconds(265));
            let (before, other) = (scenario.upstream.count(), scenario.another_host(ahead));
            scenario.upstream.always(account("two").head_after(seconds(9)));
            let leader = scenario.get(CALLERS_KEY);
            let others = async {
                sleep(Duration::from_millis(100)).await;
                queue(&[&other], 80, Duration::from_millis(100)).await
            };
            let (led, followed) = tokio::join!(leader, others);
            assert_eq!(scenario.upstream.count(), before + 1, "{ahead} s ahead");
            assert_eq!(led.token(), "two");
            assert!(followed.iter().all(|(response, _)| response.token() == "one"));
            // A few requests wait for the next beat of the leader, and the others for nothing.
            assert!(followed.iter().all(|(_, took)| *took < Duration::from_millis(2_200)));
            assert!(followed.iter().filter(|(_, took)| *took > Duration::from_millis(100)).count() <= 10);
            scenario.delete(CALLERS_KEY).await;
        }
    }
}

case! {
    /// The second leader has waited for a dead one, so its request has less time than a request of the caller
    /// that follows it.
    async fn a_leader_with_little_time_does_not_share_its_timeout(scenario, crowd) {
        scenario.configuration.set("credwell_deadline_ms", "8000");
        scenario.configuration.set("credwell_first_byte_timeout_ms", "600000");
        scenario.upstream.reply(Reply::killing().head_after(seconds(1)));
        scenario.upstream.reply(Reply::stalling());
        scenario.upstream.always(account("three"));
        scenario.get_until_death(CALLERS_KEY).await;
        let responses = queue(&[&scenario], 2, Duration::from_millis(6_500)).await;
        assert_eq!(responses[0].0.status, 504);
        assert_eq!((responses[1].0.status, scenario.upstream.count()), (200, 3));
        assert_eq!(responses[1].0.token(), "three");
    }
}

case! {
    /// The store says that another request holds the lease, for ever.
    async fn a_store_that_always_says_taken_starves_nobody(scenario, crowd) {
        for sum in [2, 65, i64::MAX] {
            scenario.key_value.count_falsely(sum);
            scenario.upstream.always(account("one").head_after(Duration::from_millis(200)));
            let responses = queue(&[&scenario], 20, Duration::ZERO).await;
            assert!(responses.iter().all(|(response, _)| response.status == 200), "{:?}", responses[0]);
            assert!(responses.iter().all(|(response, _)| response.token() == "one"));
            assert!(responses.iter().all(|(_, took)| *took < seconds(11)));

            // The entry is stale, and the store still says that another request refreshes it.
            scenario.upstream.always(account("two").head_after(Duration::from_millis(200)));
            scenario.clock.advance(seconds(260));
            let stale_at = Instant::now();
            while scenario.get(CALLERS_KEY).await.token() != "two" {
                sleep(Duration::from_millis(500)).await;
                assert!(stale_at.elapsed() < seconds(11));
            }
            scenario.delete(CALLERS_KEY).await;
        }
    }
}
