//! The commands, a file each.

pub mod check;
pub mod completions;
pub mod demo;
pub mod forget;
pub mod get;
pub mod key;
pub mod refresh;
pub mod serve;
