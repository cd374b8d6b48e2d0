//! The cache across runs of the program, and the protection of its file.

use crate::run::{Home, upstream};
use credwell_sample_upstream::SampleUpstream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const KEY: (&str, &str) = ("CREDWELL_API_KEY", SampleUpstream::API_KEY);

/// The path of a file with a new encryption key.
async fn key_file(home: &Home) -> String {
    let key = home.run(&["key"], &[]).await.expect(0).stdout;
    home.file("keys", &key)
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("the file exists").permissions().mode() & 0o777
}

#[tokio::test]
async fn the_default_store_is_a_private_file_that_outlives_the_run() {
    let (home, upstream) = (Home::new(), upstream().await);
    let (base_url, keys) = (upstream.base_url(), key_file(&home).await);
    let variables = [
        KEY,
        ("CREDWELL_BASE_URL", base_url.as_str()),
        ("CREDWELL_ENCRYPTION_KEYS_FILE", keys.as_str()),
        ("CREDWELL_FORCED_REFRESH_AGE_MS", "0"),
    ];
    let id = SampleUpstream::ACCOUNT_IDS[0];
    let token = |input: String| input.trim_end().to_owned();
    let get = ["get", "--field", "access_token", id];
    let first = token(home.run(&get, &variables).await.expect(0).stdout);
    let file = home.path().join(".local/state/credwell/cache.redb");
    assert_eq!((mode(&file), mode(file.parent().expect("the file has a folder"))), (0o600, 0o700));
    assert_eq!(token(home.run(&get, &variables).await.expect(0).stdout), first);
    assert_eq!(upstream.count(), 1);

    let rejected = home.file("rejected", &format!("{first}\n"));
    let refresh = ["refresh", "--field", "access_token", id, "--rejected-file"];
    let second = home.run(&[&refresh[..], &[&rejected]].concat(), &variables).await.expect(0).stdout;
    assert_ne!(token(second.clone()), first);
    assert_eq!(upstream.count(), 2);
    // The cache already has another token than the rejected one.
    let input = format!("{first}\n");
    let third = home.run_with_input(&[&refresh[..], &["-"]].concat(), &variables, &input).await.expect(0);
    assert_eq!((third.stdout.as_str(), upstream.count()), (second.as_str(), 2));
    let fourth = home.run(&refresh[..4], &variables).await.expect(0).stdout;
    assert_ne!(fourth, second);
    assert_eq!(upstream.count(), 3);

    let forgotten = home.run(&["forget", id, SampleUpstream::ACCOUNT_IDS[1]], &variables).await.expect(0);
    assert_eq!(forgotten.stdout.lines().count(), 2, "{}", forgotten.stdout);
    assert_eq!(upstream.count(), 3);
    home.run(&get, &variables).await.expect(0);
    assert_eq!(upstream.count(), 4);
}

#[tokio::test]
async fn a_store_that_outlives_the_run_needs_a_key_or_allowed_plaintext() {
    let (home, upstream) = (Home::new(), upstream().await);
    let base_url = upstream.base_url();
    let variables = [KEY, ("CREDWELL_BASE_URL", base_url.as_str())];
    for arguments in [&["get", "apn_a"][..], &["forget", "apn_a", "--store", "redis://127.0.0.1:1"]] {
        let refused = home.run(arguments, &variables).await.expect(2);
        for expected in ["credwell key", "CREDWELL_ENCRYPTION_KEYS_FILE"] {
            assert!(refused.stderr.contains(expected), "{}", refused.stderr);
        }
    }
    assert!(!home.path().join(".local").exists(), "a refused run creates no file");
    let plain = ["get", SampleUpstream::ACCOUNT_IDS[0], "--set", "allow_plaintext_cache=true"];
    home.run(&plain, &variables).await.expect(0);
}

#[tokio::test]
async fn a_file_that_the_server_has_open_is_an_error_until_the_server_ends() {
    let (home, upstream) = (Home::new(), upstream().await);
    let (base_url, keys) = (upstream.base_url(), key_file(&home).await);
    let variables = [
        KEY,
        ("CREDWELL_BASE_URL", base_url.as_str()),
        ("CREDWELL_ENCRYPTION_KEYS_FILE", keys.as_str()),
        ("CREDWELL_BROKER_MODE", "managed"),
        ("CREDWELL_BROKER_TOKENS", "0123456789abcdef0123456789abcdef"),
        ("CREDWELL_BROKER_ACCOUNTS", "*"),
    ];
    let (child, address, _) = home.serve(&[], &variables, 1).await;
    let id = SampleUpstream::ACCOUNT_IDS[0];
    let refused = home.run(&["get", id], &variables).await.expect(1);
    for expected in ["cache.redb", "credwell serve", "redis://"] {
        assert!(refused.stderr.contains(expected), "{}", refused.stderr);
    }
    let path = format!("/v1/accounts/{id}/credentials");
    let answer = host_test::http_client::get(address, &path, "0123456789abcdef0123456789abcdef").await;
    assert_eq!(answer.status(), "200", "{}", answer.body);
    assert_eq!(crate::run::end(child, "-TERM").await, Some(0));
    // The program reads the entry that the server has cached.
    let rows = home.run(&["get", id], &variables).await.expect(0);
    assert!(rows.rows()[0].contains(&"cache"), "{}", rows.stdout);
    assert_eq!(upstream.count(), 1);
}

#[cfg(feature = "redis")]
#[tokio::test]
async fn an_unreachable_store_can_be_retried() {
    let home = Home::new();
    let keys = key_file(&home).await;
    let url = ("CREDWELL_STORE_URL", "redis://:hunter2@127.0.0.1:1");
    let ended = home.run(&["get", "apn_a"], &[KEY, url, ("CREDWELL_ENCRYPTION_KEYS_FILE", &keys)]).await;
    let ended = ended.expect(4);
    assert!(ended.stderr.contains("127.0.0.1:1"), "{}", ended.stderr);
    ended.assert_without("hunter2");
}

#[cfg(not(all(feature = "nats", feature = "redis")))]
#[tokio::test]
async fn a_store_of_a_missing_feature_is_an_error_that_names_the_feature() {
    let home = Home::new();
    for (feature, is_built) in [("nats", cfg!(feature = "nats")), ("redis", cfg!(feature = "redis"))] {
        let url = format!("{feature}://127.0.0.1:1");
        let get = ["get", "apn_a", "--store", &url, "--set", "allow_plaintext_cache=true"];
        if !is_built {
            let refused = home.run(&get, &[KEY]).await.expect(2);
            assert!(refused.stderr.contains(&format!("feature {feature}")), "{}", refused.stderr);
        }
    }
}
