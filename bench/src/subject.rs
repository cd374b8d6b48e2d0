//! The subjects of the load test: the servers that are put under load.

/// A server to load.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// The server's name in the report.
    pub name: &'static str,
    /// The server's role in the comparison.
    pub role: Role,
    /// The server's program, in the folder of the load test's own program.
    pub program: &'static str,
    /// The program's arguments.
    pub arguments: &'static [&'static str],
}

/// A server's role in the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The broker under test.
    Broker,
    /// The component without logic: its rate is the highest that the host allows.
    Ceiling,
    /// The native proxy: the usual alternative to the broker.
    Native,
}

/// All servers, in the order of the report.
pub const SUBJECTS: &[Subject] = &[
    Subject {
        name: "credwell serve, memory:",
        role: Role::Broker,
        program: "credwell",
        arguments: &["serve", "--listen", "127.0.0.1:0", "--store", "memory:"],
    },
    Subject {
        name: "credwell serve, redb:",
        role: Role::Broker,
        program: "credwell",
        arguments: &["serve", "--listen", "127.0.0.1:0"],
    },
    Subject { name: "hello component", role: Role::Ceiling, program: "hello-host", arguments: &[] },
    Subject { name: "native proxy", role: Role::Native, program: "native-proxy", arguments: &[] },
];

impl Role {
    /// Whether the server sends requests to the upstream.
    pub fn is_proxy(self) -> bool {
        self != Self::Ceiling
    }
}
