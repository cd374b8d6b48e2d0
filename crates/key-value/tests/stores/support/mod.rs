//! The support of the tests: stores, servers, a network proxy, and child processes.
#![cfg_attr(
    not(all(feature = "file", feature = "nats", feature = "redis")),
    allow(dead_code, reason = "the tests of stores that aren't built would use the rest")
)]

pub(crate) mod child;
pub(crate) mod proxy;
pub(crate) mod servers;
pub(crate) mod test_store;
