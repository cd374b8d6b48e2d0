//! The commands, one module each.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod forget;
pub(crate) mod get;
pub(crate) mod key;
pub(crate) mod refresh;
pub(crate) mod serve;
