//! The commands `get` and `demo`: output, exit statuses and the upstream with a private authority.

use crate::run::{Home, KEY_NOT_ISSUED, MEMORY, upstream};
use credwell_sample_upstream::SampleUpstream;
use host_test::tls::{Authority, Front};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

const KEY: (&str, &str) = ("CREDWELL_API_KEY", SampleUpstream::API_KEY);

#[tokio::test]
async fn the_demo_shows_the_sample_accounts_twice() {
    let ended = Home::new().run(&["demo"], &[]).await.expect(0);
    let rows = ended.rows();
    assert_eq!(rows.len(), 2 * SampleUpstream::ACCOUNT_IDS.len(), "{}", ended.stdout);
    for pair in rows.chunks(2) {
        assert_eq!(pair[0][0], pair[1][0], "{}", ended.stdout);
        assert!(pair[0].contains(&"upstream") && pair[1].contains(&"cache"), "{}", ended.stdout);
    }
    assert!(ended.stdout.contains("saw 3 requests"), "{}", ended.stdout);
    assert_eq!(ended.stderr, "");
}

#[tokio::test]
async fn the_table_has_the_accounts_in_their_order_and_no_whole_token() {
    let (home, upstream) = (Home::new(), upstream().await);
    let base_url = upstream.base_url();
    let [one, two, three] = SampleUpstream::ACCOUNT_IDS;
    let ids = [three, one, two];
    let variables = [KEY, MEMORY, ("CREDWELL_BASE_URL", base_url.as_str())];
    let ended = home.run(&["get", ids[0], ids[1], ids[2]], &variables).await.expect(0);
    let rows = ended.rows();
    assert_eq!(rows.iter().map(|row| row[0]).collect::<Vec<_>>(), ids, "{}", ended.stdout);
    for row in &rows {
        let token = row.last().expect("a row has columns");
        assert!(token.contains('…') && token.len() < 16, "{token}");
    }
    assert!(!ended.stdout.contains('\x1b') && ended.stderr.is_empty(), "{}{}", ended.stdout, ended.stderr);
    ended.assert_without(SampleUpstream::API_KEY);
    assert_eq!(upstream.count(), ids.len());
}

#[tokio::test]
async fn json_has_an_object_for_each_account_even_if_it_failed() {
    let (home, upstream) = (Home::new(), upstream().await);
    let base_url = upstream.base_url();
    let variables = [KEY, MEMORY, ("CREDWELL_BASE_URL", base_url.as_str())];
    let keyed = SampleUpstream::ACCOUNT_IDS[1];
    let ended = home.run(&["get", "--json", "apn_unknown", keyed], &variables).await.expect(3);
    let objects = ended.objects();
    assert_eq!(objects[0]["account_id"], "apn_unknown");
    assert_eq!(objects[0]["error"]["case"], "not-found");
    assert_eq!(objects[1]["account_id"], keyed);
    assert_eq!(objects[1]["app_slug"], "stripe");
    assert!(objects[1]["fields"]["api_key"].as_str().expect("text").starts_with("sk_test_"));
    assert_eq!(objects[1]["fields"]["version"], 20_240_620);
    assert_eq!(objects[1]["expires_at"], serde_json::Value::Null);
    assert_eq!(objects[1]["source"], "upstream");
    assert_eq!(objects[1]["account_fields"]["healthy"], true);
    assert!(ended.stderr.contains("apn_unknown: not-found"), "{}", ended.stderr);
}

#[tokio::test]
async fn accounts_are_fetched_at_the_same_time_and_printed_in_their_order() {
    let ids = ["apn_c", "apn_a", "apn_b"];
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let base_url = format!("http://{}", listener.local_addr().expect("the port is bound"));
    let server = tokio::spawn(async move {
        let mut waiting = Vec::new();
        for _ in ids {
            let (stream, _) = listener.accept().await.expect("a connection");
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            while line != "\r\n" {
                line.clear();
                stream.read_line(&mut line).await.expect("a request");
            }
            waiting.push(stream);
        }
        // The server answers only after it has read all requests.
        for stream in &mut waiting {
            let answer = b"HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
            stream.get_mut().write_all(answer).await.expect("the program reads the answer");
        }
    });
    let variables = [KEY, MEMORY, ("CREDWELL_BASE_URL", base_url.as_str())];
    let ended = Home::new().run(&[&["get", "--json"], &ids[..]].concat(), &variables).await.expect(3);
    let shown: Vec<_> = ended.objects().iter().map(|object| object["account_id"].clone()).collect();
    assert_eq!(shown, ids);
    server.await.expect("the server doesn't panic");
}

#[tokio::test]
async fn a_field_is_printed_alone() {
    let (home, upstream) = (Home::new(), upstream().await);
    let base_url = upstream.base_url();
    let variables = [KEY, MEMORY, ("CREDWELL_BASE_URL", base_url.as_str())];
    let [oauth, keyed, _] = SampleUpstream::ACCOUNT_IDS;
    let token = home.run(&["get", "--field", "access_token", oauth], &variables).await.expect(0);
    assert_eq!((token.stdout.as_str(), token.stderr.as_str()), (&*format!("xoxp-{:032x}\n", 1), ""));
    let version = home.run(&["get", keyed, "--field", "version"], &variables).await.expect(0);
    assert_eq!(version.stdout, "20240620\n");
    let missing = home.run(&["get", keyed, "--field", "access_token"], &variables).await.expect(3);
    assert!(missing.stdout.is_empty() && missing.stderr.contains("api_key, options, version"));
    missing.assert_without("sk_test_");
    home.run(&["get", "--field", "version", keyed, oauth], &variables).await.expect(2);
}

#[tokio::test]
async fn the_exit_status_says_whether_a_retry_helps() {
    let (home, upstream) = (Home::new(), upstream().await);
    let base_url = upstream.base_url();
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let nowhere = format!("http://{}", free.local_addr().expect("the port is bound"));
    drop(free);
    let account_id = SampleUpstream::ACCOUNT_IDS[0];
    let wrong_key = ("CREDWELL_API_KEY", KEY_NOT_ISSUED);
    for (key, url, ids, status, expected) in [
        (wrong_key, &base_url, vec![account_id], 2, "unauthorized"),
        (KEY, &base_url, vec!["no-id"], 2, "invalid-account-id"),
        (KEY, &base_url, vec!["apn_unknown", "apn_other"], 3, "not-found"),
        (KEY, &nowhere, vec![account_id], 4, "connection-refused"),
        (KEY, &base_url, vec!["apn_unknown", "no-id"], 1, "not-found"),
    ] {
        let variables = [key, MEMORY, ("CREDWELL_BASE_URL", url.as_str()), ("CREDWELL_MAX_RETRIES", "0")];
        let ended = home.run(&[&["get"], ids.as_slice()].concat(), &variables).await.expect(status);
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
        ended.assert_without(KEY_NOT_ISSUED);
    }
}

#[tokio::test]
async fn a_ca_file_makes_a_private_authority_trusted() {
    let (home, upstream, authority) = (Home::new(), upstream().await, Authority::new());
    let front = Front::start(authority.server("localhost", 2100), upstream.authority()).await;
    let base_url = front.base_url();
    let variables = [KEY, MEMORY, ("CREDWELL_BASE_URL", base_url.as_str())];
    let get = ["get", SampleUpstream::ACCOUNT_IDS[0]];

    let untrusted =
        home.run(&get, &[&variables[..], &[("CREDWELL_MAX_RETRIES", "0")]].concat()).await.expect(4);
    assert!(untrusted.stderr.contains("TLS-certificate-error"), "{}", untrusted.stderr);
    assert_eq!((front.handshakes(), upstream.count()), (0, 0));

    let ca_file = home.file("authority.pem", &authority.pem);
    home.run(&[&get[..], &["--ca-file", &ca_file]].concat(), &variables).await.expect(0);
    let variable = ("CREDWELL_CA_FILE", ca_file.as_str());
    home.run(&get, &[&variables[..], &[variable]].concat()).await.expect(0);
    home.file("config.toml", "ca_file = \"authority.pem\"\n");
    let config = home.path().join("config.toml");
    let config = ("CREDWELL_CONFIG", config.to_str().expect("the path is text"));
    home.run(&get, &[&variables[..], &[config]].concat()).await.expect(0);
    assert_eq!((front.handshakes(), upstream.count()), (3, 3));

    let none = home.file("none.pem", "no certificate");
    let refused = home.run(&[&get[..], &["--ca-file", &none]].concat(), &variables).await.expect(2);
    assert!(refused.stderr.contains("none.pem"), "{}", refused.stderr);
}
