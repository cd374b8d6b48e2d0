//! The kinds of caller that the broker knows.

/// A caller that has authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The caller brings an API key of its own. The upstream decides which accounts the caller may have.
    ApiKey,
    /// The caller brings one of the broker's tokens. The broker decides which accounts the caller may have.
    BrokerToken,
}
