//! Tests of the hosts of others, each used as docs/hosts.md and `deploy` say.
//!
//! `wasmtime serve` runs. Spin and wasmCloud don't: their manifests are read, and the broker runs with the settings that
//! they give it, on the host of the other tests.
//!
//! Where wasmtime's program is missing, the tests that need it are skipped, except in continuous integration, where they fail.

mod deployment;
mod spin;
mod wasmcloud;
mod wasmtime_program;
mod wasmtime_serve;
