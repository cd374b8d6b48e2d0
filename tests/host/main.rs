//! Tests of the embedded host: the client, the HTTP broker, its listener, the network, and the logs and
//! metrics for operators.

mod broker;
mod capacity;
mod credentials_client;
mod host_hook;
mod interfaces;
mod limits;
mod listener;
mod network;
mod operation;
mod panics;
mod precompiled;
mod reuse;
mod starvation;
