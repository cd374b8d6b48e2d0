//! The load test of the HTTP broker: `cargo xtask bench`.
//!
//! It loads the broker behind the embedded host, and in the same run two baselines: a component that does nothing, in
//! the same host, which is the ceiling; and a native proxy of the same behaviour, which is what one would write in
//! place of the broker. All of it stays on the loopback.
//!
//! [`run::run`] has the course of the test, [`report`] what comes out of it.

#![warn(missing_docs)]

pub mod growth;
pub mod hello;
pub mod latencies;
pub mod load;
pub mod native_proxy;
pub mod report;
pub mod run;
pub mod server;
pub mod subject;
pub mod upstream;
