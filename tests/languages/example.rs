//! The examples, and one run of an example as a process.

use crate::setup;
use credwell_test_programs::available;
use host_test::{SampleUpstream, TEST_ENCRYPTION_KEYS};
use serde_json::Value;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

/// An example with its installed dependencies.
#[derive(Debug)]
pub(crate) struct Example {
    pub program: PathBuf,
    /// The arguments before those that all languages share.
    pub arguments: Vec<OsString>,
}

/// The exit status and the output of a program.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// The examples that this machine can run. The first call prepares them.
pub(crate) fn examples() -> Vec<&'static Example> {
    static NODE: LazyLock<anyhow::Result<Example>> = LazyLock::new(setup::node);
    static PYTHON: LazyLock<anyhow::Result<Example>> = LazyLock::new(setup::python);
    let examples: [(_, &anyhow::Result<Example>, _); 2] = [
        ("Node.js with the packages of the example", &NODE, "apt-get install nodejs npm; cargo xtask test"),
        (
            "Python with the packages of the example",
            &PYTHON,
            "apt-get install python3 python3-venv; cargo xtask test",
        ),
    ];
    let found = examples.into_iter().filter_map(|(needs, example, remedy)| available(needs, example, remedy));
    found.collect()
}

impl Example {
    /// Runs the example, and checks that its output holds no secret.
    pub(crate) fn run(&self, base_url: &str, api_key: &str, arguments: &[&str]) -> Outcome {
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars_os() {
            // The environment of the tests may have settings for Credwell.
            if name.to_string_lossy().starts_with("CREDWELL_") {
                command.env_remove(name);
            }
        }
        let output = command
            .args(&self.arguments)
            .args(arguments)
            .env("CREDWELL_BASE_URL", base_url)
            .env("CREDWELL_API_KEY", api_key)
            .env("CREDWELL_ENCRYPTION_KEYS", TEST_ENCRYPTION_KEYS)
            .output()
            .unwrap_or_else(|error| panic!("can't run {}: {error}", self.program.display()));

        let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| {
            let text = String::from_utf8(bytes).expect("the examples write UTF-8");
            let encryption_key = TEST_ENCRYPTION_KEYS.split_once(':').expect("an id and a key").1;
            for secret in [api_key, SampleUpstream::API_KEY, encryption_key, "xoxp-", "sk_test_"] {
                assert!(!text.contains(secret), "the output of {} holds a secret", self.program.display());
            }
            text
        });
        Outcome { status: output.status.code(), stdout, stderr }
    }
}

impl Outcome {
    /// The lines of the standard output, parsed as JSON.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let lines = self.stdout.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}
