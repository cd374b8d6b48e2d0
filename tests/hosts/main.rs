//! Tests of the component on third-party hosts, as docs/hosts.md and `deploy` describe them.
//!
//! `wasmtime serve` is run. Spin and wasmCloud are not run: the tests read their manifests, and run the
//! broker with the settings of the manifest on the test host.
//!
//! If the program wasmtime is missing, the tests that need it are skipped. In continuous integration they
//! fail.

mod deployment;
mod spin;
mod wasmcloud;
mod wasmtime_program;
mod wasmtime_serve;
