//! Tests that an instance answers one request at a time, and the next one after its last work.

use super::{METRICS_TOKEN, Scenario, account, shared_broker};
use host_test::{Operation, Reply};
use std::time::Duration;
use tokio::time::timeout;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn two_requests_at_once_get_two_instances() {
    let scenario = Scenario::new(shared_broker());
    scenario.upstream.always(account().head_after(SECOND));
    tokio::join!(scenario.get("apn_1"), scenario.get("apn_2"));
    scenario.assert_started(2);
    tokio::join!(scenario.get("apn_3"), scenario.get("apn_4"));
    scenario.assert_started(2);
}

/// The instance counts the request in the store after its response.
#[tokio::test(start_paused = true)]
async fn an_instance_that_still_works_after_its_response_gets_no_other_request() {
    let settings = [("credwell_broker_metrics_token", METRICS_TOKEN)];
    let scenario = Scenario::with(shared_broker(), &settings);
    scenario.key_value.delay(Operation::Increment, SECOND);
    scenario.get("apn_1").await;
    scenario.get("apn_1").await;
    scenario.assert_started(2);
    tokio::time::sleep(SECOND * 100).await;
    scenario.get("apn_1").await;
    scenario.assert_started(2);
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_caller_goes_away_is_answered_to_its_end() {
    let scenario = Scenario::new(shared_broker());
    scenario.upstream.always(account().head_after(SECOND));
    assert!(timeout(SECOND / 2, scenario.request("apn_1")).await.is_err());
    scenario.get("apn_2").await;
    scenario.assert_started(2);
    // The first request has filled the cache, and its instance is free again.
    tokio::join!(scenario.get("apn_1"), scenario.get("apn_3"));
    assert_eq!(scenario.upstream.count(), 3);
    scenario.assert_started(2);
}

#[test]
fn an_instance_whose_request_was_cancelled_is_not_used_again() {
    let scenario = Scenario::new(shared_broker());
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build();
    let first = runtime().expect("a runtime");
    first.block_on(scenario.get("apn_1"));
    scenario.upstream.reply(Reply::stalling());
    let request = async { timeout(SECOND / 10, scenario.request("apn_2")).await.is_err() };
    assert!(first.block_on(request));
    scenario.assert_started(1);
    // The work for the request ends with its runtime.
    drop(first);
    runtime().expect("a runtime").block_on(scenario.get("apn_1"));
    scenario.assert_started(2);
}
