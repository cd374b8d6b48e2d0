//! The program `credwell`, as a person runs it.

use host_test::LocalUpstream;
use std::process::Output;
use tokio::process::Command;

const KEY_NOT_ISSUED: &str = "pd_wrong_key_5d1e";

/// Runs the program with these arguments and nothing but these variables of its own set.
async fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_credwell"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CREDWELL_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).envs(variables.iter().copied()).output().await.expect("the program starts")
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// The rows of the table, as words.
fn rows(output: &str) -> Vec<Vec<&str>> {
    let rows = output.lines().filter(|line| line.starts_with("apn_"));
    rows.map(|row| row.split_whitespace().collect()).collect()
}

#[tokio::test]
async fn without_anything_set_it_shows_the_sample_accounts_twice() {
    let output = run(&[], &[]).await;
    let (stdout, stderr) = texts(&output);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let rows = rows(&stdout);
    assert_eq!(rows.len(), 2 * LocalUpstream::ACCOUNT_IDS.len(), "{stdout}");
    for pair in rows.chunks(2) {
        assert_eq!(pair[0][0], pair[1][0], "{stdout}");
        assert!(pair[0].contains(&"upstream") && pair[1].contains(&"cache"), "{stdout}");
    }
    assert!(stdout.contains("saw 3 requests"), "{stdout}");
    assert!(stderr.is_empty(), "{stderr}");
}

#[tokio::test]
async fn with_a_key_it_asks_the_given_upstream_and_shows_no_token_whole() {
    let upstream = LocalUpstream::start().await.expect("a port of the loopback is free");
    let account_id = LocalUpstream::ACCOUNT_IDS[0];
    let base_url = upstream.base_url();
    let key = ("CREDWELL_API_KEY", LocalUpstream::API_KEY);
    for (arguments, ids) in [(vec![account_id], ""), (vec![], account_id)] {
        let variables = [key, ("CREDWELL_BASE_URL", base_url.as_str()), ("CREDWELL_ACCOUNT_IDS", ids)];
        let variables = if ids.is_empty() { &variables[..2] } else { &variables[..] };
        let output = run(&arguments, variables).await;
        let (stdout, stderr) = texts(&output);
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        let rows = rows(&stdout);
        assert_eq!(rows.len(), 2, "{stdout}");
        let token = rows[0].last().expect("a row has columns");
        assert!(token.contains('…') && token.len() < 16, "{token}");
        assert!(!stdout.contains(LocalUpstream::API_KEY) && !stderr.contains(LocalUpstream::API_KEY));
    }
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn a_bad_key_is_told_and_not_shown() {
    let upstream = LocalUpstream::start().await.expect("a port of the loopback is free");
    let base_url = upstream.base_url();
    let variables = [("CREDWELL_API_KEY", KEY_NOT_ISSUED), ("CREDWELL_BASE_URL", base_url.as_str())];
    let output = run(&[LocalUpstream::ACCOUNT_IDS[0]], &variables).await;
    let (stdout, stderr) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("unauthorized") && stderr.contains("credwell_api_key"), "{stderr}");
    assert!(!stdout.contains(KEY_NOT_ISSUED) && !stderr.contains(KEY_NOT_ISSUED), "{stdout}{stderr}");
}

#[tokio::test]
async fn an_upstream_that_is_not_there_and_an_unknown_account_are_told() {
    let upstream = LocalUpstream::start().await.expect("a port of the loopback is free");
    let base_url = upstream.base_url();
    let key = ("CREDWELL_API_KEY", LocalUpstream::API_KEY);
    let output = run(&["apn_unknown"], &[key, ("CREDWELL_BASE_URL", &base_url)]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(texts(&output).1.contains("not found"), "{}", texts(&output).1);
    drop(upstream);
    let output = run(&["apn_unknown"], &[key, ("CREDWELL_BASE_URL", &base_url)]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(texts(&output).1.contains("connection-refused"), "{}", texts(&output).1);
}

#[tokio::test]
async fn wrong_usage_is_told_before_anything_is_sent() {
    for (arguments, variables, expected) in [
        (vec!["apn_abc"], vec![], "CREDWELL_API_KEY"),
        (vec!["--no-such-option"], vec![], "--no-such-option"),
        (vec![], vec![("CREDWELL_API_KEY", KEY_NOT_ISSUED)], "CREDWELL_ACCOUNT_IDS"),
        (vec!["apn_abc"], vec![("CREDWELL_API_KEY_FILE", "/no/such/file")], "/no/such/file"),
    ] {
        let output = run(&arguments, &variables).await;
        let (_, stderr) = texts(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(expected), "{arguments:?}: {stderr}");
    }
}
