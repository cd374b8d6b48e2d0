//! The embedded host: the client, the HTTP broker, its listener, the network and what operators are told.

mod broker;
mod capacity;
mod credentials_client;
mod interfaces;
mod listener;
mod network;
mod operation;
