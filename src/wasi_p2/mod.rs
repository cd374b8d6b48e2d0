//! The shell for WASI 0.2: the ports over the host's interfaces, a file each, and the exported interface
//! over the calls.

#![expect(unsafe_code, reason = "wit-bindgen generates the calls over the canonical ABI")]
#![allow(
    missing_docs,
    unreachable_pub,
    reason = "the crate has no Rust API, and generated code has no such bounds"
)]

mod bindings;
mod clocks;
mod config;
#[cfg(not(feature = "broker"))]
mod error;
#[cfg(not(feature = "broker"))]
mod exports;
#[cfg(feature = "broker")]
mod incoming_http;
mod keyvalue;
mod outgoing_http;
mod random;
mod run;
#[cfg(feature = "broker")]
mod stderr;

/// The host, which serves every port.
struct Wasi;

/// Wipes every block of memory that is given back. Secrets pass through blocks that no type of ours owns:
/// buffers that grow, and the arguments and results of the host's calls.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);
