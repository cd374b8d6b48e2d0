//! The stores, on real files and real servers.

mod conformance;
mod faults;
mod opening;
mod support;
