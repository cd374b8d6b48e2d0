//! Tests of the calls on simulated hosts, in simulated time.

mod flights;
mod refusals;
mod removal;
mod simulation;
