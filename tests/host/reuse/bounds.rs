//! Tests of the bounds on the reuse of an instance.

use super::{DROP_REQUEST, Scenario, built_broker, handler, shared_broker};
use credwell_host::BrokerError;
use std::time::Duration;

/// The largest number of idle instances of a broker.
const IDLE_LIMIT: usize = 64;

#[tokio::test(start_paused = true)]
async fn an_instance_answers_a_hundred_requests() {
    let scenario = Scenario::new(shared_broker());
    for request in 1..=201 {
        scenario.get("apn_EOhwvQr").await;
        scenario.assert_started(usize::div_ceil(request, 100));
    }
    assert_eq!(scenario.upstream.count(), 1);
}

/// Each round sends more requests at once than instances can be idle.
#[tokio::test(start_paused = true)]
async fn only_so_many_instances_are_idle() {
    let scenario = Scenario::new(built_broker());
    scenario.upstream.always(super::account().head_after(Duration::from_secs(1)));
    let at_once = IDLE_LIMIT + 20;
    for round in 0..3 {
        let ids: Vec<_> = (0..at_once).map(|number| format!("apn_{round}x{number}")).collect();
        futures_util::future::join_all(ids.iter().map(|id| scenario.get(id))).await;
        scenario.assert_started(at_once + round * (at_once - IDLE_LIMIT));
    }
}

/// The instances that have been idle for the longest time end for those of other capabilities.
#[tokio::test(start_paused = true)]
async fn an_instance_serves_only_the_capabilities_that_it_was_started_with() {
    let broker = built_broker();
    let scenarios: Vec<_> = (0..IDLE_LIMIT + 10).map(|_| Scenario::new(broker.clone())).collect();
    for scenario in &scenarios {
        scenario.get("apn_EOhwvQr").await;
        scenario.get("apn_EOhwvQr").await;
        scenario.assert_started(1);
        assert_eq!(scenario.upstream.count(), 1);
    }
    for (scenario, expected) in [(&scenarios[IDLE_LIMIT + 9], 1), (&scenarios[0], 2)] {
        scenario.get("apn_EOhwvQr").await;
        scenario.assert_started(expected);
    }
}

/// Sends requests to a component that sends no responses, and returns the number of started instances after
/// each request.
async fn assert_started(memory: u32, handle: &str, expected: [usize; 6]) {
    let scenario = Scenario::new(handler(memory, handle));
    for expected in expected {
        let error = scenario.request("apn_EOhwvQr").await.expect_err("the component sends no response");
        assert!(matches!(error, BrokerError::Silent | BrokerError::Trap(_)), "{error}");
        scenario.assert_started(expected);
    }
}

#[tokio::test]
async fn an_instance_that_drops_its_resources_is_used_again() {
    assert_started(1, DROP_REQUEST, [1, 1, 1, 1, 1, 1]).await;
}

#[tokio::test]
async fn an_instance_that_keeps_a_resource_of_a_request_is_not_used_again() {
    assert_started(1, "", [1, 2, 3, 4, 5, 6]).await;
}

#[tokio::test]
async fn an_instance_that_trapped_is_not_used_again() {
    assert_started(1, &format!("{DROP_REQUEST} unreachable"), [1, 2, 3, 4, 5, 6]).await;
}

/// A page has 64 KiB, so 64 pages are 4 MiB.
#[tokio::test]
async fn an_instance_whose_memory_has_grown_above_the_mark_is_not_used_again() {
    let handle = format!("{DROP_REQUEST} (drop (memory.grow (i32.const 2)))");
    assert_started(60, &handle, [1, 1, 1, 2, 2, 2]).await;
    // A growth that fails doesn't count.
    let handle = format!("{DROP_REQUEST} (drop (memory.grow (i32.const 60000)))");
    assert_started(60, &handle, [1, 1, 1, 1, 1, 1]).await;
}
