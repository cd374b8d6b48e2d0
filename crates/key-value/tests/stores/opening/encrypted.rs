//! Tests of `rediss://` and `tls://`, with servers whose certificate only one file makes trusted.

use super::open_url;
use crate::support::child;
use crate::support::servers::{Kind, Server};
use crate::support::test_store::JETSTREAM;
use credwell_key_value::OpenError;
use credwell_test_programs::{available, succeed};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Creates a self-signed `certificate.pem` for the loopback, and its `key.pem`.
pub(super) fn make_certificate(folder: &Path) -> anyhow::Result<()> {
    let config = "[req]\ndistinguished_name = name\nx509_extensions = extensions\nprompt = no\n\
        [name]\nCN = localhost\n\
        [extensions]\nsubjectAltName = IP:127.0.0.1\nbasicConstraints = CA:FALSE\n";
    fs::write(folder.join("config"), config)?;
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
    command.args(["-days", "2", "-config", "config", "-out", "certificate.pem", "-keyout", "key.pem"]);
    succeed(command.current_dir(folder))
}

/// The child process, which trusts the certificate. Does nothing in the parent.
#[tokio::test(flavor = "multi_thread")]
async fn another_process_trusts_the_certificate() {
    let Some(urls) = child::subject() else { return };
    for url in urls.split(' ') {
        let store = open_url(url).await.expect("the store opens");
        store.set("default", "key", b"value".to_vec()).await.expect("it is set");
        assert_eq!(store.get("default", "key").await, Ok(Some(b"value".to_vec())));
        println!("\ndone");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_trusted_only_with_a_trusted_certificate() {
    let folder = tempfile::tempdir().expect("a folder");
    if available("openssl", &make_certificate(folder.path()), "apt-get install openssl").is_none() {
        return;
    }
    let path = folder.path().display();
    let redis = format!(
        "port 0\ntls-port PORT\ntls-auth-clients no\n\
         tls-cert-file {path}/certificate.pem\ntls-key-file {path}/key.pem"
    );
    let nats =
        format!("{JETSTREAM}\ntls {{ cert_file: \"{path}/certificate.pem\", key_file: \"{path}/key.pem\" }}");
    let Some(redis) = Server::start(Kind::Redis, &redis) else { return };
    let Some(nats) = Server::start(Kind::Nats, &nats) else { return };
    let urls = [redis.url().replace("redis", "rediss"), nats.url().replace("nats", "tls")];
    for url in &urls {
        let refused = open_url(url).await.err();
        assert!(matches!(refused, Some(OpenError::Unreachable { .. })), "{refused:?}");
    }
    let test = "opening::encrypted::another_process_trusts_the_certificate";
    let mut trusting = child::command(test, &urls.join(" "));
    let output =
        trusting.env("SSL_CERT_FILE", folder.path().join("certificate.pem")).output().expect("it runs");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{stdout} {}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(stdout.lines().filter(|line| *line == "done").count(), 2, "{stdout}");
}
