//! The shell for WASI 0.2. Each port of the core has a file that implements it with the host's interfaces.
//! The exported interface runs the calls of the core.

#![expect(
    unsafe_code,
    reason = "wit-bindgen generates the calls over the canonical ABI, and one value is for one thread"
)]
#![allow(
    missing_docs,
    unreachable_pub,
    reason = "the crate has no Rust API, and generated code has no such bounds"
)]

use core::panic::PanicInfo;
use talc::wasm::{WasmDynamicTalc, new_wasm_dynamic_allocator};
use zeroizing_alloc::ZeroAlloc;

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
#[cfg(feature = "broker")]
mod output_stream;
mod random;
mod run;
#[cfg(feature = "broker")]
mod stderr;

/// The host. It implements every port.
struct Wasi;

/// Wipes every block of memory when it is freed. Secrets are also in blocks that no secret type owns: in
/// buffers that grow, and in the arguments and results of the host's functions.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<WasmDynamicTalc> = ZeroAlloc(new_wasm_dynamic_allocator());

/// Ends the instance with a trap. No host shows the text of a panic, and texts and formatting would be a
/// tenth of the component.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

/// A global value that only one thread uses.
struct OneThread<T>(T);

// SAFETY: a component of WASI 0.2 has one thread.
unsafe impl<T> Sync for OneThread<T> {}
