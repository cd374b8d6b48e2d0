//! The built HTTP broker, in wasmtime, on a host that the tests control. Each case runs in both flavours.

mod callers;
mod configuration;
mod http_api;
mod instance_store;
mod log;
mod metrics;
mod problems;
mod scenario;
mod single_flight;

#[path = "../support/flavours.rs"]
mod flavours;
