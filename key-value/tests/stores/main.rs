//! The stores, on real files and real servers.

mod conformance;
mod support;
