//! The command line, the default configuration file and the help text.

use crate::run::{Home, KEY_NOT_ISSUED, MEMORY};

#[tokio::test]
async fn wrong_usage_is_an_error_before_any_request() {
    let home = Home::new();
    let key = ("CREDWELL_API_KEY", KEY_NOT_ISSUED);
    for (arguments, variables, expected) in [
        (vec![], vec![], "Usage: credwell"),
        (vec!["apn_abc"], vec![], "unrecognized subcommand"),
        (vec!["get"], vec![key], "ACCOUNT_ID"),
        (vec!["get", "apn_abc"], vec![], "CREDWELL_API_KEY"),
        (vec!["get", "--no-such-option"], vec![], "--no-such-option"),
        (vec!["get", "apn_abc"], vec![("CREDWELL_API_KEY_FILE", "/no/such/file")], "/no/such/file"),
        (vec!["get", "apn_abc", "--config", "/no/such/file"], vec![key], "/no/such/file"),
        (vec!["get", "apn_abc", "--json", "--field", "a"], vec![key], "--field"),
        (vec!["get", "apn_abc"], vec![key, MEMORY, ("CREDWELL_MAX_RETRIES", "x")], "credwell_max_retries"),
        (vec!["refresh", "apn_abc", "--rejected-file", "-"], vec![key, MEMORY], "no rejected token"),
        (vec!["refresh", "apn_abc", "--rejected-file", "/no/such/file"], vec![key], "/no/such/file"),
        (vec!["serve", "--listen", "8080"], vec![], "127.0.0.1:8080"),
        (vec!["serve", "--concurrency-limit", "0"], vec![], "1 to 256"),
        (vec!["serve"], vec![("CREDWELL_CONCURRENCY_LIMIT", "257")], "1 to 256"),
        (vec!["serve", "--connections-per-peer", "0"], vec![], "1 to 1024"),
        (vec!["serve"], vec![("CREDWELL_CONNECTIONS_PER_PEER", "1025")], "1 to 1024"),
        (vec!["serve", "--metrics-listen", "9090"], vec![], "9090"),
        (vec!["serve", "--log-level", "loud"], vec![], "error, warn, info"),
        (vec!["serve", "--log-format", "xml"], vec![], "text or json"),
        (vec!["serve", "--audit-log", "/no/such/folder/file"], vec![], "/no/such/folder/file"),
        (vec!["check"], vec![], "CREDWELL_API_KEY"),
    ] {
        let ended = home.run(&arguments, &variables).await;
        assert!(ended.stderr.contains(expected), "{arguments:?}: {}", ended.stderr);
        ended.assert_without(KEY_NOT_ISSUED);
        ended.expect(2);
    }
}

#[tokio::test]
async fn the_default_file_is_read_and_a_quiet_run_prints_no_warnings() {
    let home = Home::new();
    let folder = home.path().join(".config/credwell");
    std::fs::create_dir_all(&folder).expect("the folder can be created");
    std::fs::write(folder.join("config.toml"), "[component]\nrefresh_windw_seconds = 90\n")
        .expect("the file can be written");
    let refused = home.run(&["check"], &[]).await.expect(2);
    assert!(refused.stderr.contains("refresh_windw_seconds"), "{}", refused.stderr);

    std::fs::write(folder.join("config.toml"), "store = \"memory:\"\n").expect("the file can be written");
    let variables = [("CREDWELL_API_KEY", KEY_NOT_ISSUED), ("CREDWELL_API_KYE", "")];
    let ended = home.run(&["check"], &variables).await.expect(0);
    assert!(ended.stderr.starts_with("warning: CREDWELL_API_KYE"), "{}", ended.stderr);
    assert_eq!(home.run(&["check", "--quiet"], &variables).await.expect(0).stderr, "");
}

#[tokio::test]
async fn help_shows_every_setting_and_no_secret() {
    let home = Home::new();
    let variables = [("CREDWELL_API_KEY", "hunter2"), ("CREDWELL_STORE_URL", "redis://:hunter2@h")];
    for arguments in [&["--help"][..], &["get", "--help"], &["serve", "--help"], &["help", "refresh"]] {
        home.run(arguments, &variables).await.expect(0).assert_without("hunter2");
    }
    let help = home.run(&["--help"], &[]).await.stdout;
    for expected in ["refresh_window_seconds", "broker_metrics_token", "Exit status", "completions"] {
        assert!(help.contains(expected), "{help}");
    }
}
