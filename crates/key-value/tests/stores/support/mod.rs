//! What the tests of the stores share.

pub(crate) mod child;
pub(crate) mod proxy;
pub(crate) mod servers;
pub(crate) mod stand;

use std::fmt::Display;
use std::io::Write;

/// Says what wasn't tested, and why. The macros' output is shown only for tests that fail.
pub(crate) fn skip(what: &str, reason: impl Display) {
    _ = writeln!(std::io::stderr(), "skipped: {what}: {reason}");
}
