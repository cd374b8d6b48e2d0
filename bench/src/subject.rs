//! What is put under load.

/// A server to load.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// What the report calls it.
    pub name: &'static str,
    /// What it stands for.
    pub role: Role,
    /// The program, which lies beside the load test's own.
    pub program: &'static str,
    /// Its arguments.
    pub arguments: &'static [&'static str],
}

/// What a server stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It is what is tested.
    Broker,
    /// It is the most that the host can do.
    Ceiling,
    /// It is what one would write in place of the broker.
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
    /// Whether it asks the upstream for what it hasn't cached.
    pub fn is_proxy(self) -> bool {
        self != Self::Ceiling
    }
}
