//! Tests of the stores under faults: killed processes, full disks, outages and slow networks.

#[cfg(feature = "file")]
mod crash;
#[cfg(feature = "file")]
mod full_disk;
#[cfg(all(feature = "nats", feature = "redis"))]
mod outage;
#[cfg(all(feature = "nats", feature = "redis"))]
mod slow_network;
