//! What the tests of the stores share: the servers, and a stand to test a store on.

#[path = "../../../../tests/support/install.rs"]
#[allow(dead_code, reason = "it has more than is used here")]
mod install;
pub mod servers;
pub mod stand;
