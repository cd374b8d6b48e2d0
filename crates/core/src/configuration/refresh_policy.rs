//! The policy that decides when cached credentials are refreshed.

use core::time::Duration;

/// The settings that decide when to refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshPolicy {
    /// How long before its expiry a token is refreshed.
    pub window: Duration,
    /// How long credentials without an expiry are kept. None: for ever.
    pub max_age_without_expiry: Option<Duration>,
    /// After how long the upstream is asked again whether the key may still read the account. None: not
    /// before the credentials are refreshed.
    pub recheck: Option<Duration>,
}
