//! What stores do when something breaks.

mod crash;
mod full_disk;
mod outage;
mod slow_network;
