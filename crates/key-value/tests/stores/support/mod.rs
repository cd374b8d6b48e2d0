//! What the tests of the stores share.

pub(crate) mod child;
pub(crate) mod proxy;
pub(crate) mod servers;
pub(crate) mod stand;
