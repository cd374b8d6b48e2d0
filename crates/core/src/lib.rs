//! The credential logic of Credwell: it keeps the credentials of connected accounts fresh, cached and
//! encrypted.
//!
//! The crate does no I/O. It runs over the [`ports`], which a shell implements with the interfaces of its
//! host. The component's shell for WASI 0.2 is the root package of this repository; the tests bring fakes.
//!
//! | Room | What it holds |
//! |---|---|
//! | [`calls`] | The three calls, from top to bottom, and the steps that they are made of |
//! | [`cache`] | Keys, entries, envelopes and freshness of what is kept in the key-value store |
//! | [`upstream`] | Requests to the upstream, retries, and the account object that it answers with |
//! | [`configuration`] | The settings of the host, checked |
//! | [`broker`] | The HTTP broker: the calls over HTTP |

// A component without the standard library has no code for the texts of panics.
#![cfg_attr(not(test), no_std)]
// Input from outside can be anything: no code of this crate may panic on it.
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

#[macro_use]
extern crate alloc;

pub mod account_id;
pub mod broker;
pub mod cache;
pub mod calls;
pub mod configuration;
pub mod error;
pub mod ports;
pub mod secret;
pub mod timestamp;
pub mod upstream;
