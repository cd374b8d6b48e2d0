//! Tests of the calls on simulated hosts, in simulated time.

mod boundaries;
mod broker;
mod flights;
mod leases;
mod oauth_client;
mod races;
mod rate_limits;
mod refusals;
mod rejections;
mod removal;
mod retries;
mod simulation;
