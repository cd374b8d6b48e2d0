//! The program `credwell`, as a person and as a script run it.

mod accounts;
mod cache;
mod other_commands;
mod run;
mod serve;
mod terminal;
mod usage;
