//! Tests of the removal of an entry, and of floods of requests that must not disturb other entries.

use crate::simulation::{ACCOUNT, UpstreamReply, World, crowd, seconds, token};
use credwell_core::calls::credentials::Source;
use std::rc::Rc;
use std::time::Duration;

/// A request for the account begins, the entry is removed, and the request ends. Hosts' clocks differ.
#[tokio::test(start_paused = true)]
async fn a_removal_is_final_for_calls_in_flight() {
    for ahead in [-15, 0, 15] {
        for is_cold in [true, false] {
            let world = World::new();
            let hosts = [world.host_with(ahead, &[]), world.host()];
            if !is_cold {
                hosts[0].get(ACCOUNT).await.unwrap();
                tokio::time::sleep(seconds(3570)).await;
            }
            world.answer([
                UpstreamReply::account("old", 9000).after(seconds(2)),
                UpstreamReply::account("new", 9000),
            ]);
            crowd(&world, 2, |n| {
                let hosts = [Rc::clone(&hosts[0]), Rc::clone(&hosts[1])];
                async move {
                    if n == 0 {
                        assert_eq!(token(&hosts[0].get(ACCOUNT).await), "old");
                    } else {
                        tokio::time::sleep(seconds(1)).await;
                        hosts[1].forget(ACCOUNT).await.unwrap();
                    }
                }
            })
            .await;
            for host in &hosts {
                assert_eq!(token(&host.get(ACCOUNT).await), "new", "{ahead} {is_cold}");
            }
            assert_eq!(world.keys().len(), 1);
        }
    }
}

/// The refresh of a stale entry fails while the entry is removed. The fall-back doesn't write the entry back.
#[tokio::test(start_paused = true)]
async fn a_fall_back_does_not_bring_a_removed_entry_back() {
    let world = World::new();
    let host = world.host();
    host.get(ACCOUNT).await.unwrap();
    tokio::time::sleep(seconds(3550)).await;
    world.answer([UpstreamReply::status(500).after(seconds(2)), UpstreamReply::account("new", 9000)]);
    crowd(&world, 2, |n| {
        let host = Rc::clone(&host);
        async move {
            if n == 0 {
                host.get(ACCOUNT).await.unwrap();
            } else {
                tokio::time::sleep(seconds(1)).await;
                host.forget(ACCOUNT).await.unwrap();
            }
        }
    })
    .await;
    let credentials = host.get(ACCOUNT).await.unwrap();
    assert_eq!(credentials.source, Source::Upstream);
}

#[tokio::test(start_paused = true)]
async fn the_removal_of_nothing_writes_nothing() {
    let world = World::new();
    let broker = world.broker(&[]);
    assert_eq!(broker.send("DELETE", ACCOUNT, "pd_made_up", None).await.status, 204);
    assert_eq!(world.keys(), [""; 0]);
}

/// A caller that nobody knows sends made-up keys and ids: alone, in crowds, and while the upstream limits its
/// rate.
#[tokio::test(start_paused = true)]
async fn a_flood_of_made_up_keys_leaves_other_entries_untouched() {
    let world = World::new();
    // The followers of a stalled request look into the store all the time, so its time is short.
    let broker = world.broker(&[("credwell_first_byte_timeout_ms", "500")]);
    for n in 0..100 {
        broker.send("GET", &format!("apn_{n}"), "pd_known", None).await;
    }
    let warm = world.snapshot();
    assert_eq!(warm.len(), 100);
    for (answer, methods, count) in [
        (UpstreamReply::status(401), &["GET", "POST", "DELETE"][..], 200),
        (UpstreamReply::status(429).retry_after(20), &["GET"], 800),
        (UpstreamReply::status(503), &["GET"], 800),
        (UpstreamReply::stalling(), &["GET"], 200),
    ] {
        world.answer([answer]);
        for method in methods {
            // Two callers at a time have the same key and account, so that failures are shared.
            let replies = crowd(&world, count, |n| {
                let (broker, method) = (Rc::clone(&broker), (*method).to_owned());
                async move {
                    tokio::time::sleep(Duration::from_millis(n as u64 / 2)).await;
                    let key = format!("pd_made_up_{}", n / 2);
                    broker.send(&method, &format!("apn_x{}", n / 2), &key, None).await.status
                }
            })
            .await;
            assert!(replies.iter().all(|(status, _)| *status != 200));
        }
    }
    let after = world.snapshot();
    assert!(warm.iter().all(|(key, value)| after.get(key) == Some(value)));
    // What is left of the flood has a bounded place.
    assert!(after.len() <= 100 + 512, "{}", after.len());
    let others: Vec<_> = after.keys().filter(|key| !warm.contains_key(*key)).collect();
    assert!(others.iter().all(|key| key.starts_with("credwell.")), "{others:?}");
    let asked = world.count();
    for n in 0..100 {
        assert_eq!(broker.send("GET", &format!("apn_{n}"), "pd_known", None).await.status, 200);
    }
    assert_eq!(world.count(), asked);
}
