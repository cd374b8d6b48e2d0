//! Tests of the stores, on real files and real servers. Each test needs the features of its stores.

mod conformance;
mod faults;
#[cfg(any(feature = "file", all(feature = "nats", feature = "redis")))]
mod opening;
mod support;
