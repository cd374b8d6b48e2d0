//! The load test of the HTTP broker: `cargo xtask bench`.
//!
//! One run loads the broker in the embedded host and two baselines:
//!
//! - a component without logic in the same host, which shows the highest rate that the host allows;
//! - a native proxy with the broker's behaviour, which is the usual alternative to the broker.
//!
//! All traffic stays on the loopback. [`run::run`] runs the test, [`report`] prints the results.

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
