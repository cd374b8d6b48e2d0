//! Tests of opening `redis://` and `nats://`.

use super::{open_url, refusal};
use crate::support::servers::{Kind, Server};
use crate::support::test_store::JETSTREAM;
use credwell_key_value::{KeyValueError, OpenError};
use std::net::TcpListener;
use std::time::{Duration, Instant};

/// [`PASSWORD`] in percent-encoding: the password has characters with a meaning in URLs.
const ENCODED_PASSWORD: &str = "p%40ss%3Aw%2Ford%3F";
const PASSWORD: &str = "p@ss:w/ord?";

fn with_user(server: &Server, user: &str) -> String {
    server.url().replace("://", &format!("://{user}@"))
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_opened_with_the_right_password_only() {
    let settings = format!("requirepass \"{PASSWORD}\"\nuser reader on >other-{PASSWORD} ~* +@all -set");
    let Some(server) = Server::start(Kind::Redis, &settings) else { return };
    let address = format!("127.0.0.1:{}", server.port());
    let refused = OpenError::Refused(address.clone());
    assert_eq!(refusal(&with_user(&server, ":wrong-password"), "wrong-password").await, refused);
    assert_eq!(refusal(&with_user(&server, "nobody:wrong-password"), "wrong-password").await, refused);
    assert_eq!(refusal(&server.url(), PASSWORD).await, refused);

    let store =
        open_url(&with_user(&server, &format!(":{ENCODED_PASSWORD}"))).await.expect("the store opens");
    store.set("default", "key", b"value".to_vec()).await.expect("it is set");
    let user = format!("reader:other-{ENCODED_PASSWORD}");
    let store = open_url(&with_user(&server, &user)).await.expect("the store opens");
    assert_eq!(store.get("default", "key").await, Ok(Some(b"value".to_vec())));
    assert_eq!(store.set("default", "key", Vec::new()).await, Err(KeyValueError::AccessDenied));
    assert_eq!(store.get("default", "key").await, Ok(Some(b"value".to_vec())));
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_is_opened_with_the_right_password_only() {
    let settings = format!("{JETSTREAM}\nauthorization {{ user: someone, password: \"{PASSWORD}\" }}");
    let Some(server) = Server::start(Kind::Nats, &settings) else { return };
    let refused = OpenError::Refused(format!("127.0.0.1:{}", server.port()));
    assert_eq!(refusal(&with_user(&server, "someone:wrong-password"), "wrong-password").await, refused);
    assert_eq!(refusal(&server.url(), PASSWORD).await, refused);
    let store = open_url(&with_user(&server, &format!("someone:{ENCODED_PASSWORD}"))).await;
    store.expect("the store opens").set("default", "key", b"value".to_vec()).await.expect("it is set");
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_is_opened_with_a_token() {
    let settings = format!("{JETSTREAM}\nauthorization {{ token: \"{PASSWORD}\" }}");
    let Some(server) = Server::start(Kind::Nats, &settings) else { return };
    let store = open_url(&with_user(&server, ENCODED_PASSWORD)).await.expect("the store opens");
    store.set("default", "key", b"value".to_vec()).await.expect("it is set");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nats_server_without_jetstream_is_not_opened() {
    let Some(server) = Server::start(Kind::Nats, "") else { return };
    let refused = refusal(&server.url(), "none").await;
    assert!(matches!(&refused, OpenError::NoJetStream { .. }), "{refused:?}");
    assert!(refused.to_string().contains("nats-server with -js"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_a_server_is_not_opened() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    for url in [format!("redis://:hunter2@127.0.0.1:{port}/3"), format!("nats://u:hunter2@127.0.0.1:{port}")]
    {
        let refused = refusal(&url, "hunter2").await;
        let address = format!("127.0.0.1:{port}");
        assert!(
            matches!(&refused, OpenError::Unreachable { address: found, .. } if *found == address),
            "{refused:?}"
        );
    }
}

/// The server on the port speaks another protocol.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_another_kind_is_not_opened() {
    let Some(server) = Server::start(Kind::Nats, JETSTREAM) else { return };
    let refused = refusal(&server.url().replace("nats", "redis"), "none").await;
    assert!(matches!(&refused, OpenError::Unreachable { .. }), "{refused:?}");
    let Some(server) = Server::start(Kind::Redis, "") else { return };
    let refused = refusal(&server.url().replace("redis", "nats"), "none").await;
    assert!(matches!(&refused, OpenError::Unreachable { .. }), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_database_of_redis_is_a_store_of_its_own() {
    let Some(server) = Server::start(Kind::Redis, "") else { return };
    let (first, third) = (open_url(&server.url()).await, open_url(&format!("{}/3", server.url())).await);
    let (first, third) = (first.expect("the store opens"), third.expect("the store opens"));
    first.set("default", "key", b"first".to_vec()).await.expect("it is set");
    assert_eq!(third.get("default", "key").await, Ok(None));
}

/// The server's error text repeats what was sent, so the store must not pass it on.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_redis_says_so_and_serves_reads() {
    let Some(server) = Server::start(Kind::Redis, "maxmemory 3mb\nmaxmemory-policy noeviction") else {
        return;
    };
    let store = open_url(&server.url()).await.expect("the store opens");
    store.set("default", "key", b"value".to_vec()).await.expect("it is set");
    let refused = loop {
        let key = fastrand::u64(..).to_string();
        if let Err(refused) = store.set("default", &key, b"secret".repeat(10_000)).await {
            break refused;
        }
    };
    assert!(
        matches!(&refused, KeyValueError::Failed(text) if text.ends_with("Redis answers OOM")),
        "{refused}"
    );
    let swapped = store.compare_and_swap("default", "key", Some(b"value"), b"secret".repeat(10_000)).await;
    let Err(KeyValueError::Failed(text)) = swapped else { panic!("{swapped:?}") };
    assert!(text.contains("OOM") && !text.contains("secret"), "{text}");
    assert_eq!(store.get("default", "key").await, Ok(Some(b"value".to_vec())));
}

/// The last opening of the store sets the retention.
#[tokio::test(flavor = "multi_thread")]
async fn the_retention_of_a_nats_bucket_can_be_changed() {
    let Some(server) = Server::start(Kind::Nats, JETSTREAM) else { return };
    let store = open_url(&format!("{}?retention_seconds=3600", server.url())).await.expect("the store opens");
    store.set("default", "key", b"value".to_vec()).await.expect("it is set");
    let store = open_url(&format!("{}?retention_seconds=1", server.url())).await.expect("the store opens");
    store.open("default").await.expect("the bucket opens");
    let start = Instant::now();
    while store.exists("default", "key").await.expect("an answer") {
        assert!(start.elapsed() < Duration::from_secs(20), "it is still there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
