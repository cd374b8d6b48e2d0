//! What the tests of the stores share.

pub mod child;
#[path = "../../../../tests/support/install.rs"]
#[allow(dead_code, reason = "it has more than is used here")]
pub mod install;
pub mod proxy;
pub mod servers;
pub mod stand;

use std::fmt::Display;
use std::io::Write;

/// Says what wasn't tested, and why. The macros' output is shown only for tests that fail.
pub fn skip(what: &str, reason: impl Display) {
    _ = writeln!(std::io::stderr(), "skipped: {what}: {reason}");
}
