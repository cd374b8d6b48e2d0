//! The progress and the colours in a terminal.

use crate::run::{Home, MEMORY, RunResult, upstream};
use credwell_sample_upstream::SampleUpstream;
use credwell_test_programs::skip;
use std::process::Stdio;
use tokio::process::Command;

/// Runs the program in a terminal, with the program `script`. None if the machine has no `script`.
async fn run_in_terminal(home: &Home, arguments: &[&str], variables: &[(&str, &str)]) -> Option<RunResult> {
    let line = [&[env!("CARGO_BIN_EXE_credwell")], arguments].concat().join(" ");
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    command
        .env("HOME", home.path())
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        // With this variable there are colours without a terminal, because the pages of build servers show
        // them.
        .env_remove("CI")
        .envs(variables.iter().copied());
    match command.stdin(Stdio::null()).output().await {
        Ok(output) => Some(output.into()),
        Err(error) => {
            skip("script", &error.to_string(), "apt-get install util-linux bsdutils");
            None
        }
    }
}

#[tokio::test]
async fn progress_and_colours_are_shown_in_capable_terminals_only() {
    let (home, upstream) = (Home::new(), upstream().await);
    let base_url = upstream.base_url();
    let key = ("CREDWELL_API_KEY", SampleUpstream::API_KEY);
    let variables = [key, MEMORY, ("CREDWELL_BASE_URL", base_url.as_str())];
    let get = ["get", SampleUpstream::ACCOUNT_IDS[0], "apn_unknown"];
    let (progress, bold, red) = ("asking for 2 accounts, 1 answered", "\x1b[1m", "\x1b[31m");
    let no_colour = [&variables[..], &[("NO_COLOR", "1")]].concat();
    let dumb = [&variables[..], &[("TERM", "dumb")]].concat();
    let quiet = [&get[..], &["--quiet"]].concat();
    for (arguments, variables, has_progress, has_colour) in [
        (&get[..], &variables[..], true, true),
        (&get, &no_colour, true, false),
        (&get, &dumb, false, false),
        (&quiet, &variables, false, true),
    ] {
        let Some(ended) = run_in_terminal(&home, arguments, variables).await else { return };
        let ended = ended.expect(3);
        let shown = &ended.stdout;
        assert_eq!(shown.contains(progress), has_progress, "{shown:?}");
        assert_eq!((shown.contains(bold), shown.contains(red)), (has_colour, has_colour), "{shown:?}");
    }
    let ended = home.run(&get, &variables).await.expect(3);
    assert!(!ended.stdout.contains('\x1b') && !ended.stderr.contains('\x1b'), "{}", ended.stderr);
    assert!(!ended.stderr.contains("asking"), "{}", ended.stderr);
}
