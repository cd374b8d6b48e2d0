//! The built component, in wasmtime, on a host that the tests control. Each case runs in both flavours, and
//! after each case everything that it left behind is searched for secrets.

mod account_states;
mod api_requests;
mod cache_store;
mod caching;
mod clock_steps;
mod configuration;
mod encryption;
mod errors;
mod fuzzing;
mod interface;
mod limits;
mod memory;
mod oauth;
mod refreshing;
mod rejected_tokens;
mod retries;
mod scenario;
mod seed_tabs;
