//! Tests of the component over the network, with real sockets and real TLS: connections and failures.

mod connections;
mod faults;
mod secure;
mod sockets;
