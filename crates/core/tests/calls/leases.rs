//! Tests of the lease of a leader whose host stands still.

use crate::simulation::{ACCOUNT, Answer, World, frozen_during, queue, seconds, token};
use std::rc::Rc;

/// The request of the first leader fails while its host is frozen. Meanwhile a follower has taken the lease
/// over, and its request goes on.
#[tokio::test(start_paused = true)]
async fn a_frozen_leader_whose_request_fails_does_not_release_the_lease_of_its_successor() {
    let world = World::new();
    let host = world.host_with(0, &[("credwell_first_byte_timeout_ms", "60000")]);
    world.answer([
        Answer::status(500).after(seconds(9)),
        Answer::account("two", 9000).after(seconds(12)),
        Answer::account("three", 9000),
    ]);
    let results = queue(&world, 20, seconds(1), |n| {
        let (host, world) = (Rc::clone(&host), Rc::clone(&world));
        let frozen = if n == 0 { seconds(1)..seconds(10) } else { seconds(0)..seconds(0) };
        async move { frozen_during(&world, frozen, host.get(ACCOUNT)).await }
    })
    .await;
    assert_eq!(world.count(), 2);
    // Those who come after the failure follow the successor.
    assert!(results.iter().skip(11).all(|(result, _)| token(result) == "two"));
    assert_eq!(token(&host.get(ACCOUNT).await), "two");
}
