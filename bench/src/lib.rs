//! The benchmarks of the HTTP broker and of the credentials component: `cargo xtask bench`.
//!
//! The servers under load are the broker in the embedded host, and baselines: a component without logic in
//! the same host, which shows the highest rate that the host allows, and a native proxy with the broker's
//! behaviour, which is the usual alternative to the broker. All traffic stays on the loopback.
//!
//! A run has [`sections`]. Each section writes its [`results`] into a file. The [`report`] is made from the
//! files of all sections, so that one section can be repeated without the others.

#![warn(missing_docs)]

pub mod core_ports;
pub mod hosted;
pub mod latencies;
pub mod load;
pub mod measurement;
pub mod native_proxy;
pub mod nginx;
pub mod open_loop;
pub mod report;
pub mod results;
pub mod run;
pub mod samples;
pub mod sections;
pub mod server;
pub mod stats;
pub mod subject;
pub mod upstream;
