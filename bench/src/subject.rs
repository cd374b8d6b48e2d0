//! The subjects of the load test: the servers that are put under load.

use serde::{Deserialize, Serialize};

/// A server to load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// The broker over the store in memory.
    Memory,
    /// The broker over the store in a file.
    Redb,
    /// The broker over Redis.
    Redis,
    /// The component without logic: its rate is the highest that the host allows.
    Hello,
    /// The native proxy: the usual alternative to the broker.
    Native,
    /// The native proxy, which seals what it caches: the broker's work.
    NativeSealed,
    /// nginx with its cache.
    Nginx,
}

impl Subject {
    /// All subjects, in the order of the report.
    pub const ALL: [Self; 7] =
        [Self::Memory, Self::Redb, Self::Redis, Self::Hello, Self::NativeSealed, Self::Native, Self::Nginx];

    /// The server's name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "credwell serve, `memory:`",
            Self::Redb => "credwell serve, `redb:`",
            Self::Redis => "credwell serve, `redis:`",
            Self::Hello => "Component that does nothing",
            Self::Native => "Native proxy",
            Self::NativeSealed => "Native proxy that seals",
            Self::Nginx => "nginx with `proxy_cache`",
        }
    }

    /// The server's name in a plot.
    pub fn plain_name(self) -> String {
        self.name().replace('`', "")
    }

    /// Whether the server sends requests to the upstream.
    pub fn is_proxy(self) -> bool {
        self != Self::Hello
    }
}
