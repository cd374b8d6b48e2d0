//! The commands `serve` and `check`.

use crate::run::{Home, KEY_NOT_ISSUED, MEMORY, end, upstream};
use credwell_sample_upstream::SampleUpstream;
use host_test::http_client::get;
use std::process::Stdio;
use std::time::Duration;
use tokio::time::timeout;

#[tokio::test]
async fn it_serves_the_samples_until_sigterm() {
    let (child, address, output) = Home::new().serve(&[], &[], 2).await;
    assert!(output[1].contains(SampleUpstream::API_KEY), "{output:?}");
    for id in SampleUpstream::ACCOUNT_IDS {
        assert!(output[1].contains(id), "{output:?}");
    }
    let answer = get(address, "/healthz", "").await;
    assert_eq!((answer.status(), answer.body.as_str()), ("200", r#"{"status":"ok"}"#));
    let path = format!("/v1/accounts/{}/credentials", SampleUpstream::ACCOUNT_IDS[0]);
    assert_eq!(get(address, &path, KEY_NOT_ISSUED).await.status(), "401");
    let first = get(address, &path, SampleUpstream::API_KEY).await;
    assert_eq!(first.status(), "200", "{}", first.body);
    let second = get(address, &path, SampleUpstream::API_KEY).await;
    assert!(second.head.contains("cache-status: credwell; hit"), "{}", second.head);
    assert_eq!(first.body, second.body);
    assert_eq!(end(child, "-TERM").await, Some(0));
}

#[tokio::test]
async fn it_serves_callers_with_a_token() {
    let (home, upstream) = (Home::new(), upstream().await);
    let base_url = upstream.base_url();
    let (token, other) = ("0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210");
    home.file("tokens", &format!("{token}\n"));
    let account = SampleUpstream::ACCOUNT_IDS[0];
    let config = home.file(
        "config.toml",
        &format!(
            "store = \"memory:\"\nconcurrency_limit = 4\n[component]\nbase_url = \"{base_url}\"\n\
             broker_mode = \"managed\"\nbroker_tokens_file = \"tokens\"\nbroker_accounts = \"{account}\"\n"
        ),
    );
    let variables = [("CREDWELL_API_KEY", SampleUpstream::API_KEY), ("CREDWELL_CONFIG", config.as_str())];
    home.run(&["check"], &variables).await.expect(0);
    let (child, address, _) = home.serve(&[], &variables, 1).await;
    let statuses =
        [(0, token, "200"), (1, token, "403"), (0, other, "401"), (0, SampleUpstream::API_KEY, "401")];
    for (account, bearer, status) in statuses {
        let path = format!("/v1/accounts/{}/credentials", SampleUpstream::ACCOUNT_IDS[account]);
        assert_eq!(get(address, &path, bearer).await.status(), status);
    }
    assert_eq!(upstream.count(), 1);
    assert_eq!(end(child, "-INT").await, Some(0));
    // The other commands accept the same configuration file.
    home.run(&["get", account], &variables).await.expect(0);
}

#[tokio::test]
async fn operators_get_an_audit_log_and_metrics() {
    let home = Home::new();
    let audit = home.path().join("audit.jsonl");
    let audit = audit.to_str().expect("the path is text");
    let options = ["--audit-log", audit, "--metrics-listen", "127.0.0.1:0"];
    let key = home.file("fingerprint-key", "a key of this installation");
    let variables = [("CREDWELL_FINGERPRINT_KEY_FILE", key.as_str())];
    let account = SampleUpstream::ACCOUNT_IDS[0];
    let path = format!("/v1/accounts/{account}/credentials");
    for _ in 0..2 {
        let (child, address, output) = home.serve(&options, &variables, 3).await;
        assert_eq!(get(address, &path, SampleUpstream::API_KEY).await.status(), "200");
        let metrics = output[2].strip_prefix("metrics on http://").expect("the last line has the address");
        let metrics = metrics.strip_suffix("/metrics").expect("the path").parse().expect("an address");
        let metrics = get(metrics, "/metrics", "").await;
        let line = "credwell_host_request_duration_seconds_count{status=\"2xx\"} 1\n";
        assert!(metrics.body.contains(line), "{}", metrics.body);
        assert_eq!(end(child, "-TERM").await, Some(0));
    }
    let log = std::fs::read_to_string(audit).expect("the audit log exists");
    assert!(!log.contains(SampleUpstream::API_KEY) && !log.contains("xoxp-"), "{log}");
    let lines: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    let request = |line: &serde_json::Value| (line["account"].clone(), line["outcome"].clone());
    assert_eq!(lines.iter().map(request).collect::<Vec<_>>(), vec![(account.into(), "miss".into()); 2]);
    // The same key gives the same fingerprint after a restart.
    assert_eq!(lines[0]["caller"], lines[1]["caller"]);
    assert!(lines[0]["caller"].is_string());
}

/// The path of the first sample account.
fn sample_path() -> String {
    format!("/v1/accounts/{}/credentials", SampleUpstream::ACCOUNT_IDS[0])
}

#[tokio::test]
async fn the_log_has_a_whole_line_for_each_request_when_the_server_has_ended() {
    let home = Home::new();
    let path = home.path().join("log");
    let log = std::fs::File::create(&path).expect("the folder is ours");
    let (child, address, _) = home.serve_with_log(log.into(), &[], &[], 2).await;
    for _ in 0..20 {
        assert_eq!(get(address, &sample_path(), SampleUpstream::API_KEY).await.status(), "200");
    }
    assert_eq!(end(child, "-TERM").await, Some(0));
    let log = std::fs::read_to_string(path).expect("the log is there");
    let lines = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("it is JSON"));
    assert_eq!(lines.filter(|line| line["status"] == 200).count(), 20, "{log}");
}

#[tokio::test]
async fn nobody_waits_for_a_standard_error_that_takes_nothing() {
    // More lines than a pipe holds.
    const REQUESTS: usize = 500;
    let (mut child, address, _) = Home::new().serve_with_log(Stdio::piped(), &[], &[], 2).await;
    let unread = child.stderr.take().expect("it is piped");
    let path = sample_path();
    for _ in 0..REQUESTS {
        let response = get(address, &path, SampleUpstream::API_KEY);
        let response = timeout(Duration::from_secs(60), response).await.expect("the server answers");
        assert_eq!(response.status(), "200");
    }
    assert_eq!(end(child, "-TERM").await, Some(0));
    drop(unread);
}

#[tokio::test]
async fn a_mistake_in_the_broker_settings_ends_serve_before_it_listens() {
    let home = Home::new();
    let token = ("CREDWELL_BROKER_TOKENS", "0123456789abcdef0123456789abcdef");
    let managed = ("CREDWELL_BROKER_MODE", "managed");
    let pass_through = ("CREDWELL_BROKER_MODE", "pass-through");
    let accounts = ("CREDWELL_BROKER_ACCOUNTS", "*");
    let key = ("CREDWELL_API_KEY", KEY_NOT_ISSUED);
    for (variables, setting) in [
        (vec![key], "credwell_broker_mode"),
        (vec![("CREDWELL_BROKER_MODE", "open")], "credwell_broker_mode"),
        (vec![managed], "credwell_broker_tokens"),
        (vec![managed, token], "credwell_broker_accounts"),
        (vec![managed, token, accounts], "credwell_api_key"),
        (vec![pass_through, key], "credwell_api_key"),
        (vec![pass_through, ("CREDWELL_BASE_URL", "no URL")], "credwell_base_url"),
        (vec![pass_through, ("CREDWELL_ENCRYPTION_KEYS", "k1:hunter2")], "credwell_encryption_keys"),
    ] {
        let variables = [variables, vec![MEMORY]].concat();
        for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["check"]] {
            if command == ["check"] && variables[0] == key {
                continue;
            }
            let ended = home.run(command, &variables).await.expect(2);
            assert!(ended.stdout.is_empty() && ended.stderr.contains(setting), "{setting}: {}", ended.stderr);
            for secret in [KEY_NOT_ISSUED, token.1, "hunter2"] {
                ended.assert_without(secret);
            }
        }
    }
}

#[tokio::test]
async fn a_broker_with_its_cache_in_the_instance_needs_no_store_and_no_key() {
    let (home, upstream) = (Home::new(), upstream().await);
    let base_url = upstream.base_url();
    let variables = [
        ("CREDWELL_BASE_URL", base_url.as_str()),
        ("CREDWELL_BROKER_MODE", "pass-through"),
        ("CREDWELL_BROKER_STORE", "instance"),
    ];
    home.run(&["check"], &variables).await.expect(0);
    assert!(!home.path().join(".local").exists());
}
