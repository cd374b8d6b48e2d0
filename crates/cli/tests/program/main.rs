//! Tests that run the program `credwell`, as people and scripts run it.

mod accounts;
mod cache;
mod components;
mod other_commands;
mod process;
mod run;
mod serve;
mod terminal;
mod usage;
