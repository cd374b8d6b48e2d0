//! Credwell keeps the credentials of connected accounts fresh, cached and encrypted, for WebAssembly
//! workloads.
//!
//! The credential logic is plain Rust. It does no I/O: it runs over the [ports], which a shell
//! implements with the interfaces of its host. On `wasm32` the shell is WASI 0.2 (`src/wasi_p2`);
//! the tests bring fakes.
//!
//! Read one call from top to bottom in [`get_credentials`](get_credentials()).

// What comes from outside may be anything: nothing of it is taken for granted.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::unreachable,
        clippy::todo
    )
)]
#![warn(missing_docs)]

pub mod account;
pub mod account_id;
pub mod base_url;
pub mod broker;
pub mod cache;
pub mod call;
pub mod configuration;
pub mod credentials;
pub mod deadline;
pub mod encryption_keys;
pub mod entry;
pub mod envelope;
pub mod error;
pub mod exchange;
pub mod fetch;
pub mod fields;
pub mod freshness;
pub mod get_credentials;
pub mod held;
pub mod instance_bucket;
pub mod negative;
pub mod oauth_token;
pub mod ports;
pub mod request;
pub mod retry;
pub mod secret;
pub mod setback;
pub mod settings;
pub mod shared_failure;
pub mod slot;
pub mod timestamp;
pub mod turn;

pub use get_credentials::{forget_credentials, get_credentials, refresh_credentials};

#[cfg(target_arch = "wasm32")]
mod wasi_p2;
