//! Tests of the calls on simulated hosts, in simulated time.

mod boundaries;
mod flights;
mod refusals;
mod rejections;
mod removal;
mod simulation;
