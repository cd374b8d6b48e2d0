//! The snippets from Pipedream's page on its credentials API, with the code and the programs that run them.

use anyhow::Context;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

/// A snippet from the page, with the code around it.
pub(crate) struct Snippet {
    pub name: &'static str,
    pub language: Language,
    text: &'static str,
    /// The code before the snippet.
    before: &'static str,
    /// The code after the snippet. It prints the result, because most snippets print nothing.
    after: &'static str,
}

/// The language of a snippet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Shell,
    Node,
    Python,
}

/// The exit status and the output of a program.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// The snippets in the order of the page's tabs.
pub(crate) const SNIPPETS: [Snippet; 5] = [
    Snippet {
        name: "Pipedream (Node.js)",
        language: Language::Node,
        text: include_str!("snippets/pipedream-node.js"),
        before: "let component; const defineComponent = (defined) => (component = defined);",
        // The page writes `accoundId` in its URL.
        after: "
            const props = {
              pipedream: { $auth: { api_key: '<PIPEDREAM_API_KEY>' } },
              accoundId: '<ACCOUNT_ID>',
            };
            const result = await component.run.call(props, { steps: {}, $: {} });
            console.log(JSON.stringify(result));
        ",
    },
    Snippet {
        name: "Pipedream (Python)",
        language: Language::Python,
        text: include_str!("snippets/pipedream-python.py"),
        before: "",
        after: "
import json, types
pd = types.SimpleNamespace(inputs={'pipedream': {'$auth': {'api_key': '<PIPEDREAM_API_KEY>'}}})
print(json.dumps(handler(pd)))
",
    },
    Snippet {
        name: "cURL",
        language: Language::Shell,
        text: include_str!("snippets/curl.sh"),
        before: "",
        after: "",
    },
    Snippet {
        name: "Node.js v20",
        language: Language::Node,
        text: include_str!("snippets/node.js"),
        before: "",
        after: "console.log(JSON.stringify({ data }));",
    },
    Snippet {
        name: "Python 3.12",
        language: Language::Python,
        text: include_str!("snippets/python.py"),
        before: "",
        after: "import json; print(json.dumps(data))",
    },
];

/// The snippets that this machine can run.
pub(crate) fn snippets() -> impl Iterator<Item = (&'static Snippet, &'static PathBuf)> {
    SNIPPETS.iter().filter_map(|snippet| {
        let (needs, remedy) = snippet.language.needs();
        let program = credwell_test_programs::available(needs, snippet.language.program(), remedy)?;
        Some((snippet, program))
    })
}

impl Language {
    /// The program that a snippet needs, and the command that installs it on Debian.
    fn needs(self) -> (&'static str, &'static str) {
        match self {
            Self::Shell => ("curl", "apt-get install curl"),
            Self::Node => ("Node.js", "apt-get install nodejs"),
            Self::Python => {
                ("Python with requests", "apt-get install python3 python3-venv; cargo xtask test")
            }
        }
    }

    fn program(self) -> &'static anyhow::Result<PathBuf> {
        static SHELL: LazyLock<anyhow::Result<PathBuf>> = LazyLock::new(|| {
            credwell_test_programs::succeed(Command::new("curl").arg("--version"))?;
            Ok("sh".into())
        });
        static NODE: LazyLock<anyhow::Result<PathBuf>> = LazyLock::new(|| {
            credwell_test_programs::succeed(Command::new("node").arg("--version"))?;
            credwell_test_programs::succeed(Command::new("node").args(["--eval", "fetch"]))
                .context("node has no fetch")?;
            Ok("node".into())
        });
        static PYTHON: LazyLock<anyhow::Result<PathBuf>> = LazyLock::new(|| {
            let folder = credwell_test_programs::PYTHON_CLIENTS.find()?;
            Ok(credwell_test_programs::python_in(&folder))
        });
        match self {
            Self::Shell => &SHELL,
            Self::Node => &NODE,
            Self::Python => &PYTHON,
        }
    }

    /// The arguments that make the program run the code on its standard input.
    fn arguments(self) -> Vec<OsString> {
        match self {
            Self::Shell => Vec::new(),
            Self::Node => vec!["--input-type=module".into(), "-".into()],
            Self::Python => vec!["-".into()],
        }
    }
}

impl Snippet {
    /// Runs the snippet with values for the page's placeholders and with another base URL.
    pub(crate) fn run(&self, program: &Path, base_url: &str, account_id: &str, api_key: &str) -> Outcome {
        let text = [self.before, self.text, self.after].join("\n");
        assert!(text.contains("https://api.pipedream.com"), "{} has another base URL", self.name);
        let text = text
            .replace("https://api.pipedream.com", base_url)
            .replace("<ACCOUNT_ID>", account_id)
            .replace("<PIPEDREAM_API_KEY>", api_key);
        let child = Command::new(program)
            .args(self.language.arguments())
            // The environment of the tests may have a proxy, which can't reach this machine's loopback.
            .env("NO_PROXY", "127.0.0.1")
            .env("no_proxy", "127.0.0.1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.unwrap_or_else(|error| panic!("can't run {}: {error}", program.display()));
        let mut input = child.stdin.take().expect("the input is piped");
        input.write_all(text.as_bytes()).expect("the program reads the code");
        drop(input);
        let output = child.wait_with_output().expect("the program can be waited for");
        let [stdout, stderr] = [output.stdout, output.stderr]
            .map(|bytes| String::from_utf8(bytes).expect("the output is UTF-8"));
        Outcome { status: output.status.code(), stdout, stderr }
    }
}
