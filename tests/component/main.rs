//! Tests of the built component in wasmtime, on the test host. Each case runs in both flavours. After each
//! case the test searches all that the case left behind for secrets.

mod account_states;
mod api_requests;
mod cache_store;
mod caching;
mod clock_steps;
mod concurrent_refreshes;
mod configuration;
mod document_tabs;
mod encryption;
mod errors;
mod fuzzing;
mod interface;
mod limits;
mod loopback;
mod memory;
mod oauth;
mod odd_fields;
mod refreshing;
mod rejected_tokens;
mod results;
mod retries;
mod scenario;

#[path = "../support/flavours.rs"]
mod flavours;
