//! Tests of the built HTTP broker on the test host. Each test case runs for both flavours.

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
