//! The component: a shell for WASI 0.2 over the credential logic of `credwell-core`.
//!
//! On other targets than `wasm32` the crate is empty. The logic is tested in its own crate, and the built
//! component by the tests in `tests`.

#![cfg_attr(target_arch = "wasm32", no_std)]

#[cfg(target_arch = "wasm32")]
extern crate alloc;

#[cfg(target_arch = "wasm32")]
mod wasi_p2;
