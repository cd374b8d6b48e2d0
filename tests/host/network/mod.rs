//! The component over the network, as far as it can fail: real sockets, and real TLS.

mod connections;
mod faults;
mod secure;
mod sockets;
