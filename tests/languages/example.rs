//! One run of an example.

use crate::install;
use credwell_test_programs::available;
use host_test::{SampleUpstream, TEST_ENCRYPTION_KEYS};
use serde_json::Value;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

/// An example with everything that it depends on.
#[derive(Debug)]
pub(crate) struct Example {
    pub program: PathBuf,
    /// What comes before the arguments that are the same in all languages.
    pub arguments: Vec<OsString>,
}

/// What a program left behind.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// The examples that this machine can run. The first test that asks for them installs their packages.
pub(crate) fn examples() -> Vec<&'static Example> {
    static NODE: LazyLock<anyhow::Result<Example>> = LazyLock::new(install::node);
    static PYTHON: LazyLock<anyhow::Result<Example>> = LazyLock::new(install::python);
    let examples: [(_, &anyhow::Result<Example>, _); 2] = [
        ("Node.js with npm", &NODE, "apt-get install nodejs npm"),
        ("Python with venv", &PYTHON, "apt-get install python3 python3-venv"),
    ];
    let found = examples.into_iter().filter_map(|(needs, example, remedy)| available(needs, example, remedy));
    found.collect()
}

impl Example {
    /// Runs the example, and looks for secrets in all that it wrote.
    pub(crate) fn run(&self, base_url: &str, api_key: &str, arguments: &[&str]) -> Outcome {
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars_os() {
            // Whoever runs the tests may have settings of their own.
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
    /// The lines of JSON on stdout.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let lines = self.stdout.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}
