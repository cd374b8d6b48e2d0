//! The program `credwell`, as a person runs it.

mod client;
mod tls;

use client::get;
use credwell_host::LocalUpstream;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;
use tls::{Authority, Front};
use tokio::process::{Child, Command};
use tokio::time::timeout;

const KEY_NOT_ISSUED: &str = "pd_wrong_key_5d1e";

/// The program with these arguments and nothing but these variables of its own set.
fn command(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_credwell"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CREDWELL_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).envs(variables.iter().copied());
    command
}

/// Runs the program to its end.
async fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    command(arguments, variables).output().await.expect("the program starts")
}

/// Starts `serve` on a free port, and reads where it listens and what else it says to begin with.
async fn serve(variables: &[(&str, &str)], lines: usize) -> (Child, SocketAddr, Vec<String>) {
    let mut command = command(&["serve", "127.0.0.1:0"], variables);
    let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("the program starts");
    let output = child.stdout.take().expect("the output is piped").into_owned_fd().expect("it is a pipe");
    let read = move || -> Vec<String> {
        let output = std::io::BufReader::new(std::fs::File::from(output));
        std::io::BufRead::lines(output).take(lines).map(|line| line.expect("the output is text")).collect()
    };
    let said = tokio::task::spawn_blocking(read).await.expect("the reader doesn't panic");
    let address = said[0].strip_prefix("listening on http://").expect("the first line says where");
    (child, address.parse().expect("an address"), said)
}

/// Writes a file into the folder of the tests, and returns its path.
fn file(name: &str, text: &str) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).expect("the folder can be written to");
    path.into_os_string().into_string().expect("the path is text")
}

/// Sends a signal, and waits for the exit status.
async fn end(mut child: Child, signal: &str) -> Option<i32> {
    let id = child.id().expect("the program runs").to_string();
    let sent = Command::new("kill").args([signal, &id]).status().await.expect("there is a program kill");
    assert!(sent.success());
    let ended = timeout(Duration::from_secs(5), child.wait()).await.expect("the program ends in time");
    ended.expect("the program can be waited for").code()
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
    assert!(texts(&output).1.contains("not-found"), "{}", texts(&output).1);
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
        (vec!["serve", "8080"], vec![], "127.0.0.1:8080"),
        (vec!["serve"], vec![("CREDWELL_API_KEY", KEY_NOT_ISSUED)], "CREDWELL_BROKER_MODE"),
    ] {
        let output = run(&arguments, &variables).await;
        let (_, stderr) = texts(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(expected), "{arguments:?}: {stderr}");
    }
}

#[tokio::test]
async fn it_serves_the_samples_until_it_is_told_to_end() {
    let (child, address, said) = serve(&[], 2).await;
    assert!(said[1].contains(LocalUpstream::API_KEY), "{said:?}");
    for id in LocalUpstream::ACCOUNT_IDS {
        assert!(said[1].contains(id), "{said:?}");
    }
    let answer = get(address, "/healthz", "").await;
    assert_eq!((answer.status(), answer.body.as_str()), ("200", r#"{"status":"ok"}"#));
    let path = format!("/v1/accounts/{}/credentials", LocalUpstream::ACCOUNT_IDS[0]);
    assert_eq!(get(address, &path, KEY_NOT_ISSUED).await.status(), "401");
    let first = get(address, &path, LocalUpstream::API_KEY).await;
    assert_eq!(first.status(), "200", "{}", first.body);
    let second = get(address, &path, LocalUpstream::API_KEY).await;
    assert!(second.head.contains("cache-status: credwell; hit"), "{}", second.head);
    assert_eq!(first.body, second.body);
    assert_eq!(end(child, "-TERM").await, Some(0));
}

#[tokio::test]
async fn it_serves_callers_that_have_a_token() {
    let upstream = LocalUpstream::start().await.expect("a port of the loopback is free");
    let base_url = upstream.base_url();
    let (token, other) = ("0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210");
    let file = file("broker-tokens", &format!("{token}\n"));
    let variables = [
        ("CREDWELL_BASE_URL", base_url.as_str()),
        ("CREDWELL_API_KEY", LocalUpstream::API_KEY),
        ("CREDWELL_BROKER_MODE", "managed"),
        ("CREDWELL_BROKER_TOKENS_FILE", file.as_str()),
        ("CREDWELL_BROKER_ACCOUNTS", LocalUpstream::ACCOUNT_IDS[0]),
    ];
    let (child, address, _) = serve(&variables, 1).await;
    let statuses =
        [(0, token, "200"), (1, token, "403"), (0, other, "401"), (0, LocalUpstream::API_KEY, "401")];
    for (account, bearer, status) in statuses {
        let path = format!("/v1/accounts/{}/credentials", LocalUpstream::ACCOUNT_IDS[account]);
        assert_eq!(get(address, &path, bearer).await.status(), status);
    }
    assert_eq!(upstream.count(), 1);
    assert_eq!(end(child, "-INT").await, Some(0));
}

#[tokio::test]
async fn it_asks_an_upstream_with_a_private_authority() {
    let upstream = LocalUpstream::start().await.expect("a port of the loopback is free");
    let authority = Authority::new();
    let front = Front::start(authority.server("localhost", 2100), upstream.authority()).await;
    let base_url = front.base_url();
    let [base_url, key, ca_file] = [
        ("CREDWELL_BASE_URL", base_url.as_str()),
        ("CREDWELL_API_KEY", LocalUpstream::API_KEY),
        ("CREDWELL_CA_FILE", &file("authority.pem", &authority.pem)),
    ];
    let account = LocalUpstream::ACCOUNT_IDS[0];
    let path = format!("/v1/accounts/{account}/credentials");

    let output = run(&[account], &[base_url, key]).await;
    assert!(texts(&output).1.contains("TLS-certificate-error"), "{}", texts(&output).1);
    let (child, address, _) = serve(&[base_url], 1).await;
    let answer = get(address, &path, LocalUpstream::API_KEY).await;
    assert!(answer.status() == "502" && answer.body.contains("TLS-certificate-error"), "{}", answer.body);
    assert_eq!(end(child, "-TERM").await, Some(0));
    assert_eq!((front.handshakes(), upstream.count()), (0, 0));

    let output = run(&[account], &[base_url, key, ca_file]).await;
    assert_eq!(output.status.code(), Some(0), "{}", texts(&output).1);
    let (child, address, _) = serve(&[base_url, ca_file], 1).await;
    let answer = get(address, &path, LocalUpstream::API_KEY).await;
    assert_eq!(answer.status(), "200", "{}", answer.body);
    assert_eq!(end(child, "-TERM").await, Some(0));
    assert_eq!((front.handshakes(), upstream.count()), (2, 2));

    let no_certificate = ("CREDWELL_CA_FILE", &*file("no-authority.pem", "no certificate"));
    let (_, stderr) = texts(&run(&[account], &[base_url, key, no_certificate]).await);
    assert!(stderr.contains("CREDWELL_CA_FILE"), "{stderr}");
}

#[tokio::test]
async fn a_mistake_in_the_broker_settings_is_told_before_it_listens() {
    let token = ("CREDWELL_BROKER_TOKENS", "0123456789abcdef0123456789abcdef");
    let managed = ("CREDWELL_BROKER_MODE", "managed");
    let accounts = ("CREDWELL_BROKER_ACCOUNTS", "*");
    for (variables, setting) in [
        (vec![("CREDWELL_BROKER_MODE", "open")], "credwell_broker_mode"),
        (vec![managed], "credwell_broker_tokens"),
        (vec![managed, token], "credwell_broker_accounts"),
        (vec![managed, token, accounts], "credwell_api_key"),
        (
            vec![("CREDWELL_BROKER_MODE", "pass-through"), ("CREDWELL_API_KEY", KEY_NOT_ISSUED)],
            "credwell_api_key",
        ),
    ] {
        let output = run(&["serve", "127.0.0.1:0"], &variables).await;
        let (stdout, stderr) = texts(&output);
        assert_eq!((output.status.code(), stdout.as_str()), (Some(1), ""), "{setting}: {stderr}");
        assert!(stderr.contains(setting) && !stderr.contains(KEY_NOT_ISSUED), "{setting}: {stderr}");
    }
}
