//! Tests of the built HTTP broker on the test host. Each test case runs for both flavours.

mod callers;
mod configuration;
mod floods;
mod http_api;
mod instance_store;
mod leases;
mod log;
mod memory;
mod metrics;
mod problems;
mod refreshing;
mod refusals;
mod removal;
mod response_order;
mod scenario;
mod sharing;
mod single_flight;

#[path = "../support/flavours.rs"]
mod flavours;
