//! The program `credwell`, as a person and as a script run it.

#[path = "../client/mod.rs"]
mod client;
#[path = "../tls/mod.rs"]
mod tls;

mod accounts;
mod cache;
mod other_commands;
mod run;
mod serve;
mod terminal;
mod usage;
